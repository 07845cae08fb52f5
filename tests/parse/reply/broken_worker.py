"""The process that reads replies, but some crystals keep it busy without end or take all memory."""

from matsearch.parse.reply import worker
from matsearch.parse.reply.reading import read_draft


def read(draft):
    while "spin" in draft.text:
        pass
    if "memory" in draft.text:
        b"x" * (8 << 30)
    return read_draft(draft)


if __name__ == "__main__":
    worker.main(read)
