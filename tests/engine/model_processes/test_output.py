import os

import pytest

from triton_lite.engine.model_processes.output import OutputReader
from triton_lite.engine.model_processes.reactor import Reactor


@pytest.fixture
def reactor():
    made = Reactor()
    yield made
    made.stop()


@pytest.mark.parametrize(
    "written, lines",
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\n\n  \ntwo", ["one", "two"]),
        (b"  indented  \r\n", ["  indented"]),
        (b"\xff\xc3\xbc\n", ["\ufffd\u00fc"]),
        (b"x" * 65536, ["x" * 65536]),
        (b"", []),
    ],
)
def test_lines(reactor, written, lines):
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    got = []

    def read():
        reader = OutputReader(reactor, readable, got.append)
        os.write(writable, written)
        reader.close()
        reader.close()

    reactor.run(read)
    os.close(writable)
    assert got == lines
    with pytest.raises(OSError):
        os.fstat(readable)


def test_a_line_without_an_end_is_cut(reactor):
    readable, writable = os.pipe()
    got = []
    reader = reactor.run(lambda: OutputReader(reactor, readable, got.append))
    for _ in range(40):
        os.write(writable, b"x" * 5000)
    os.close(writable)
    reactor.run(reader.close)
    assert "".join(got) == "x" * 200_000
    assert len(got) >= 2 and max(map(len, got)) < 3 * 65536
