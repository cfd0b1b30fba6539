/* The store of a module, which the environment names: STORE_MODULE is its file. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "store_module.h"

shttp_status shttp_store_module_open(uint32_t version, const shttp_store_answers *answers,
                                     const shttp_store_terms *terms, shttp_store_module *out, char *error,
                                     size_t error_size) {
  static shttp_store_module_opener opener;
  if (opener == NULL) {
    const char *name = getenv("STORE_MODULE");
    void *module = dlopen(name != NULL ? name : "libstreamablehttp-sqlite.so.0", RTLD_NOW | RTLD_LOCAL);
    if (module != NULL) *(void **)&opener = dlsym(module, "shttp_store_module_open");
    if (opener == NULL) {
      snprintf(error, error_size, "%s", dlerror());
      return SHTTP_ERR_SYSTEM;
    }
  }
  return opener(version, answers, terms, out, error, error_size);
}
