"""What is kept of an execution's output: complete, masked, and resumable at any moment."""

import random

from agi_site.lib.crypto import MASK
from sandbox.agent.output import KEPT_BYTES, MOST_WAITING, STREAMS, Output

SECRETS = [b"hunter2-hunter2", b"abab", "비밀번호".encode()]


class Row:
    """A row and a runner: what a checkpoint writes, and what comes again after a crash."""

    def __init__(self, pieces):
        self.pieces, self.texts = pieces, dict.fromkeys(STREAMS, "")
        self.positions = dict.fromkeys(STREAMS, 0)
        self.acked = 0

    def write(self, output):
        checkpoint = output.checkpoint()
        for name in STREAMS:
            self.texts[name] += checkpoint.texts[name]
        self.positions = checkpoint.positions
        assert sum(self.positions.values()) == checkpoint.place
        output.done(checkpoint)
        self.acked = max(self.acked, output.may_ack())

    def resume(self):
        """A new agent's output, and what the runner sends it: all that follows the row's place."""
        kept = {name: len(text.encode()) for name, text in self.texts.items()}
        after = sum(self.positions.values())
        assert self.acked <= after
        offset, again = 0, []
        for stream, data in self.pieces:
            skip = max(after - offset, 0)
            if skip < len(data):
                again.append((stream, offset + skip, data[skip:]))
            offset += len(data)
        return Output(SECRETS, positions=self.positions, kept=kept), again


def whole(pieces, stream):
    data = b"".join(data for name, data in pieces if name == stream)
    for secret in SECRETS:
        data = data.replace(secret, MASK.encode())
    return data.decode(errors="replace")


def test_output_is_the_same_however_often_the_agent_dies_on_the_way():
    dice = random.Random(7)
    words = [*SECRETS, "한글 ".encode(), b"ab", b"hunter2-", b"a\n", b"xyz " * 20]
    for _round in range(150):
        pieces = []
        for _piece in range(dice.randint(1, 12)):
            said = b"".join(dice.choice(words) for _word in range(dice.randint(1, 5)))
            cut = dice.randint(1, len(said))
            stream = dice.choice(STREAMS)
            pieces += [(stream, said[:cut]), (dice.choice(STREAMS), b"-"), (stream, said[cut:])]
        pieces = [(stream, data) for stream, data in pieces if data]
        row = Row(pieces)
        output, coming = row.resume()
        while coming:
            die_at = dice.randint(1, len(coming) + 2)
            for number, (stream, offset, data) in enumerate(coming):
                if number == die_at:
                    break
                output.take(stream, offset, data)
                if dice.random() < 0.4:
                    row.write(output)
            else:
                output.end()
                row.write(output)
                break
            output, coming = row.resume()
        for stream in STREAMS:
            assert row.texts[stream] == whole(pieces, stream)
        assert sum(row.positions.values()) == sum(len(data) for _stream, data in pieces)


def test_what_is_shown_adds_up_to_what_is_kept():
    output = Output([b"secret-value"])
    output.take("stdout", 0, b"one secret-")
    output.take("stderr", 11, b"err")
    output.take("stdout", 14, b"value two")
    output.end()
    shown = output.to_show()
    assert [(part.stream, part.text, part.at, part.end) for part in shown] == [
        ("stdout", "one ", 0, 4),
        ("stderr", "err", 0, 3),
        ("stdout", f"{MASK} two", 4, 20),
    ]
    assert output.to_show() == []


def test_stderr_is_not_saved_past_what_stdout_holds_back():
    output = Output([b"secret-value"])
    output.take("stdout", 0, b"secret")
    output.take("stderr", 6, b"err")
    checkpoint = output.checkpoint()
    assert (checkpoint.place, checkpoint.texts) == (0, {"stdout": "", "stderr": ""})
    output.take("stdout", 9, b"s")
    checkpoint = output.checkpoint()
    # the last "s" may begin a secret again
    assert (checkpoint.place, checkpoint.texts) == (9, {"stdout": "secret", "stderr": "err"})


def test_what_is_held_back_is_let_go_before_the_window_is_full():
    output = Output([b"secret-value"])
    output.take("stdout", 0, b"secret")
    output.take("stderr", 6, b"e" * MOST_WAITING)
    assert output.checkpoint().place == 6 + MOST_WAITING


def test_beyond_what_is_kept_only_the_count_goes_on():
    output = Output()
    output.take("stdout", 0, b"x" * (KEPT_BYTES - 1))
    output.take("stdout", KEPT_BYTES - 1, "가나".encode())
    checkpoint = output.checkpoint()
    # a character that does not fit is not cut in two
    assert checkpoint.texts["stdout"] == "x" * (KEPT_BYTES - 1)
    assert checkpoint.positions["stdout"] == KEPT_BYTES + 5
    output.done(checkpoint)
    output.take("stdout", KEPT_BYTES + 5, b"more")
    assert output.may_ack() == KEPT_BYTES + 9  # there is nothing of it to lose
    assert output.checkpoint().texts["stdout"] == ""
