"""Every status of the ABI has one exception, and its text is the library's."""

import errno
import pickle

import pytest

import streamablehttp
from streamablehttp import _library, errors
from streamablehttp._abi import shttp_status

STATUSES = [status for status in shttp_status if status]


@pytest.mark.parametrize("status", STATUSES, ids=lambda status: status.name)
def test_each_status_has_an_exception(status):
    error = _library.error(status)
    assert type(error) is not streamablehttp.StreamableHTTPError
    assert type(error).__name__ in streamablehttp.__all__
    assert error.status == status
    assert error.status_name == status.name
    assert str(error)
    assert repr(status) not in str(error)


def test_no_exception_stands_for_two_statuses():
    assert len({type(_library.error(status)) for status in STATUSES}) == len(STATUSES)


def test_a_status_of_a_later_library():
    error = _library.error(-999)
    assert type(error) is streamablehttp.StreamableHTTPError
    assert error.status == -999
    assert error.status_name == "SHTTP_ERR_UNKNOWN"


def test_system_errors_are_os_errors():
    error = _library.error(shttp_status.SHTTP_ERR_ADDRESS_IN_USE)
    assert isinstance(error, OSError)
    assert error.errno == errno.EADDRINUSE
    assert str(error) == error.strerror
    assert isinstance(_library.error(shttp_status.SHTTP_ERR_PERMISSION), PermissionError)


def test_what_the_caller_got_wrong_is_a_value_error():
    assert issubclass(errors.InvalidMessageError, ValueError)
    assert issubclass(errors.InvalidOptionError, ValueError)
    assert issubclass(errors.NotFoundError, LookupError)


def test_client_error():
    error = streamablehttp.ClientError(-32000, "no", {"why": 1})
    assert (error.code, error.message, error.data) == (-32000, "no", {"why": 1})
    assert str(error) == "no (-32000)"
    assert pickle.loads(pickle.dumps(error)).data == {"why": 1}
