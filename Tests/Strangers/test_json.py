"""Section 4: whatever JSON's grammar admits is passed on as it is written, and what is refused is told by its name."""

from __future__ import annotations

import json

import pytest
from exact import Session, call, initialize, message, post

VALUES = {
    "half an emoji": r'"\ud83d"',
    "the other half": r'"\ude00"',
    "the halves the wrong way round": r'"\ude00\ud83d"',
    "half an emoji between letters": r'"a\ud83db"',
    "an emoji in escapes": r'"\ud83d\ude00"',
    "an emoji": '"😀"',
    "a NUL": r'"\u0000"',
    "a key with a NUL": r'{"a\u0000b":1}',
    "a key of half an emoji": r'{"\ud83d":1}',
    "an empty key": '{"":1}',
    "a key twice": '{"a":1,"a":2}',
    "a number that no double holds": "1e999",
    "a negative number that no double holds": "-1e999",
    "a number that is almost none": "1e-999",
    "a number of 400 digits": "9" * 400,
    "a fraction of 400 digits": "0." + "1" * 400,
    "2^63": "9223372036854775808",
    "2^64": "18446744073709551616",
    "-2^63-1": "-9223372036854775809",
    "minus zero": "-0",
    "minus zero and an exponent": "-0.0e+0",
    "U+2028 and U+2029": '"\u2028\u2029"',
    "escapes that need not be": r'"\/\u0041"',
}


def raw_call(tool, value, id="1"):
    """A call whose argument is JSON as it is written."""
    params = f'{{"name":"{tool}","arguments":{{"json":{value}}}}}'
    return f'{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}'


def escaped(text):
    """What we send has these three escaped, wherever they come from."""
    for character in "\u2028\u2029\u0085":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def body_of(response):
    """The one message, as it is written."""
    lines = [line for line in response.body.split(b"\n") if line.startswith(b"data: {")]
    assert len(lines) == 1, response.body
    return lines[0].removeprefix(b"data: ").decode()


@pytest.fixture(scope="module")
def session(host):
    return Session(host)


@pytest.mark.parametrize("what", VALUES)
def test_a_host_that_reads_bytes_gets_the_params_as_they_are(session, what):
    response = session.say(raw_call("params", VALUES[what]))
    assert response.status == 200
    assert escaped(f'"value":{{"name":"params","arguments":{{"json":{VALUES[what]}}}}}') in body_of(response)


@pytest.mark.parametrize("what", VALUES)
def test_a_result_is_sent_as_the_host_wrote_it(session, what):
    response = session.say(raw_call("raw", VALUES[what]))
    assert response.status == 200
    assert escaped(f'"result":{VALUES[what]}') in body_of(response)


@pytest.mark.parametrize("what", VALUES)
def test_a_host_that_wants_a_tree_is_told_whether_there_is_one(session, what):
    assert session.say(raw_call("document", VALUES[what])).last["result"]["value"] in (True, False)
    session.must_serve()


def test_a_log_message_with_half_an_emoji(session):
    response = session.say(raw_call("log", VALUES["half an emoji"]))
    assert rb'"data":"\ud83d"' in response.body


@pytest.mark.parametrize("what", ["half an emoji", "a NUL", "an emoji in escapes"])
@pytest.mark.parametrize("member", ["method", "clientInfo", "token"])
def test_such_strings_stand_elsewhere_too(session, what, member):
    value = VALUES[what]
    match member:
        case "method":
            response = session.say(f'{{"jsonrpc":"2.0","id":1,"method":{value}}}')
            assert response.last["error"]["code"] in (-32601, -32600)
            assert response.last["id"] == 1
            return
        case "clientInfo":
            text = json.dumps(initialize()).replace('"stranger"', value)
            with session.host.connect() as connection:
                connection.send(post(text))
                response = connection.response()
        case "token":
            params = f'{{"name":"progress","arguments":{{}},"_meta":{{"progressToken":{value}}}}}'
            response = session.say(f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}')
            assert f'"progressToken":{value}'.encode() in response.body
    assert response.status == 200


# ---- Responses that answer nothing, and params that are none -----------------------------------

ORPHANS = {
    "an error whose id is null": '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}',
    "an error without id": '{"jsonrpc":"2.0","error":{"code":-32700,"message":"x"}}',
    "an error with data": '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x","data":[]}}',
    "a result nobody waits for": '{"jsonrpc":"2.0","id":12345,"result":{}}',
}


@pytest.mark.parametrize("what", ORPHANS)
def test_a_response_that_answers_nothing_is_dropped_and_counted(session, what):
    before = session.value("stats")["response_drops"]
    response = session.say(ORPHANS[what])
    assert (response.status, response.body) == (202, b"")
    assert session.value("stats")["response_drops"] == before + 1


def test_params_null_are_as_if_omitted(session):
    assert session.say('{"jsonrpc":"2.0","id":1,"method":"ping","params":null}').last["result"] == {}
    assert session.say('{"jsonrpc":"2.0","id":1,"method":"tools/list","params": null }').last["result"]["tools"]
    failed = session.say('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null}')
    assert (failed.status, failed.last["error"]["code"]) == (200, -32601), "the host has seen no params"


def test_a_notification_whose_params_are_null(session):
    response = session.say('{"jsonrpc":"2.0","method":"notifications/stranger/null","params":null}')
    assert response.status == 202
    assert session.host.heard("notifications?.*stranger/null ?(.*)")[1] == ""


# ---- Ids -------------------------------------------------------------------------------------

IDS = {
    "30 digits": "123456789012345678901234567890",
    "30 digits and a sign": "-123456789012345678901234567890",
    "2^63": "9223372036854775808",
    "2^64 - 1": "18446744073709551615",
    "400 digits": "9" * 400,
    "zero": "0",
    "a string of 1,024 bytes": '"' + "x" * 1024 + '"',
    "a string of 1,024 bytes in letters beyond ASCII": '"' + "ä" * 512 + '"',
    "an empty string": '""',
    "a string with an escape": r'"a\"b\\c\u00e4"',
    "a string of half an emoji": r'"\ud83d"',
    "a string with a NUL": r'"\u0000"',
    "a string that is a number": '"7"',
}


@pytest.mark.parametrize("what", IDS)
def test_an_id_comes_back_as_it_was(session, what):
    response = session.say(f'{{"jsonrpc":"2.0","id":{IDS[what]},"method":"tools/call","params":{{"name":"size"}}}}')
    assert response.status == 200
    written = body_of(response).partition('"id":')[2].partition(',"result"')[0]
    if IDS[what].startswith('"'):
        assert json.loads(written) == json.loads(IDS[what])
    else:
        assert written == IDS[what], "digit for digit"


def test_two_long_ids_that_differ_in_their_last_digit_are_two(host):
    session = Session(host)
    first, second = "1" * 29 + "1", "1" * 29 + "2"
    with session.begin(raw_call("hang", 0, first)):
        host.heard("hangs")
        assert session.say(raw_call("params", 0, second)).status == 200


def test_a_long_id_that_is_cancelled(host):
    session = Session(host)
    id = "1" * 30
    with session.begin(raw_call("hang", 0, id)):
        host.heard("hangs")
        session.say(f'{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}')
        host.heard("cancelled .* SHTTP_ERR_CANCELLED")


def test_an_id_that_is_too_long_is_refused_by_its_name(session):
    response = session.say({"jsonrpc": "2.0", "id": "x" * 1025, "method": "ping"})
    assert response.status == 400
    assert "1024" in response.json["error"]["message"]


# ---- Refusals --------------------------------------------------------------------------------

DEEP = "[" * 100 + "]" * 100
REFUSED = {
    "too deep": ('{"name":"params","deep":' + DEEP + "}", "deep"),
    "not UTF-8": ('{"name":"params","bytes":"\udcff"}', "UTF-8"),
    "half a character of UTF-8": ('{"name":"params","bytes":"\udce2\udc82"}', "UTF-8"),
    "a surrogate in UTF-8": ('{"name":"params","bytes":"\udced\udca0\udcbd"}', "UTF-8"),
    "a character in too many bytes": ('{"name":"params","bytes":"\udcc0\udcaf"}', "UTF-8"),
    "params that are a string": ('"x"', "params"),
    "params that are a number": ("7", "params"),
    "params that are true": ("true", "params"),
}
IDS_OF_REFUSED = {"a number": 7, "a string": "seven", "a long number": int("1" * 30)}


def written(params, id, place):
    """A request with its id at the front, in the middle or at the end."""
    members = ['"jsonrpc":"2.0"', '"method":"tools/call"', f'"params":{params}']
    members.insert(place, f'"id":{json.dumps(id)}')
    return ("{" + ",".join(members) + "}").encode(errors="surrogateescape")


@pytest.mark.parametrize("place", [0, 2, 3])
@pytest.mark.parametrize("id", IDS_OF_REFUSED)
@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal_says_which_request_it_is_and_why(session, what, id, place):
    params, word = REFUSED[what]
    response = session.say(written(params, IDS_OF_REFUSED[id], place))
    assert response.status == 400
    assert response.json["id"] == IDS_OF_REFUSED[id]
    assert word in response.json["error"]["message"]


def test_a_refusal_of_what_is_no_json_has_no_id(session):
    for text in (b"{", b"", b"nothing", b'["id"]', b'"id"'):
        response = session.say(text)
        assert response.status == 400
        assert response.json["id"] is None


def test_an_id_inside_of_the_params_is_not_the_requests(session):
    response = session.say('{"jsonrpc":"2.0","method":"tools/call","params":{"id":9,"deep":' + DEEP + "}}")
    assert response.json["id"] is None


def test_a_refused_request_leaves_its_connection_and_its_session_as_they_were(host):
    session = Session(host)
    with session.begin(written(*(REFUSED["too deep"][0], 7, 0))) as connection:
        assert connection.response().status == 400
        connection.send(session.post(message("ping", id=8)))
        assert connection.response().last["result"] == {}


# ---- Line ends that only some take for such --------------------------------------------------

SEPARATORS = "\u2028\u2029\u0085"


def must_be_one_line(body):
    assert not any(one.encode() in body for one in SEPARATORS), body


@pytest.mark.parametrize("mode", ["stream", "json"])
def test_no_line_separator_is_sent_raw(start, mode):
    host = start("host", "--response_mode", int(mode == "json"))
    session = Session(host)
    response = session.say(raw_call("raw", f'"{SEPARATORS}"'))
    must_be_one_line(response.body)
    assert response.last["result"] == SEPARATORS
    response = session.say(raw_call("params", f'{{"{SEPARATORS}":0}}'))
    must_be_one_line(response.body)
    response = session.say(message("ping", id=SEPARATORS))
    must_be_one_line(response.body)
    assert response.last["id"] == SEPARATORS
    if mode == "json":
        return
    response = session.say(raw_call("log", f'"{SEPARATORS}"'))
    must_be_one_line(response.body)
    assert response.messages[0]["params"]["data"] == SEPARATORS
    response = session.say(call("progress", token=SEPARATORS, message=SEPARATORS))
    must_be_one_line(response.body)
    assert response.messages[0]["params"]["progressToken"] == SEPARATORS
    assert response.messages[0]["params"]["message"] == SEPARATORS


def test_no_line_separator_is_sent_raw_on_the_primary_stream(host):
    session = Session(host)
    with session.listen().begin() as primary:
        session.say(call("notify", method=f"notifications/{SEPARATORS}"))
        assert primary.message()["method"] == f"notifications/{SEPARATORS}"
        must_be_one_line(primary.raw)


def test_no_line_separator_is_replayed_raw(host):
    session = Session(host)
    first = session.say(raw_call("log", f'"{SEPARATORS}"')).ids[0]
    with session.host.connect() as connection:
        connection.send(session.get(Last_Event_ID=first))
        response = connection.response("GET")
    must_be_one_line(response.body)
    assert response.messages[0]["params"]["data"] == SEPARATORS


# ---- A host that answers initialize itself ------------------------------------------------------

WRONG_ANSWERS = {
    "no version": '{"capabilities":{}}',
    "a version there is none of": '{"protocolVersion":"1999-01-01","capabilities":{}}',
    "a version that is a number": '{"protocolVersion":1,"capabilities":{}}',
    "an array": "[]",
}


@pytest.mark.parametrize("what", WRONG_ANSWERS)
def test_a_refused_answer_to_initialize_ends_the_request(start, what):
    host = start("host", "--answer-initialize", WRONG_ANSWERS[what])
    with host.connect(seconds=3) as connection:
        connection.send(post(initialize()))
        host.heard("initialize SHTTP_ERR")
        response = connection.response()
    assert "error" in response.last
    assert response["Mcp-Session-Id"] is None
