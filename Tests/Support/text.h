/* Bytes that grow. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct text {
  char *data;
  size_t len, capacity;
};

static inline void text_reserve(struct text *text, size_t more) {
  if (text->len + more <= text->capacity) return;
  text->capacity = 2 * text->capacity > text->len + more ? 2 * text->capacity : text->len + more;
  text->data = realloc(text->data, text->capacity);
  if (text->data == NULL) abort();
}

static inline void text_add(struct text *text, const void *data, size_t len) {
  if (len == 0) return;
  text_reserve(text, len);
  memcpy(text->data + text->len, data, len);
  text->len += len;
}

#define text_add_literal(text, literal) text_add((text), (literal), sizeof(literal) - 1)

static inline void text_add_number(struct text *text, uint64_t number) {
  char digits[20];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + number % 10);
  while ((number /= 10) != 0);
  text_add(text, digits + at, sizeof digits - at);
}

/* Takes `len` bytes away from the front. */
static inline void text_drop(struct text *text, size_t len) {
  if (len == 0) return;
  text->len -= len;
  memmove(text->data, text->data + len, text->len);
}

static inline void text_free(struct text *text) {
  free(text->data);
  *text = (struct text){0};
}

/* The unsigned number at `data`, which ends before `end`; UINT64_MAX if there is none. */
static inline uint64_t number_at(const char *data, const char *end) {
  uint64_t number = 0;
  if (data == NULL) return UINT64_MAX;
  while (data < end && *data == ' ') data++;
  if (data == end || *data < '0' || *data > '9') return UINT64_MAX;
  for (; data < end && *data >= '0' && *data <= '9'; data++) number = 10 * number + (uint64_t)(*data - '0');
  return number;
}

#endif
