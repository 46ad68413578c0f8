"""A flash memory on an SPI bus, mode 0, asleep at first; knows two commands."""

__all__ = ["FlashModel"]


class FlashModel:
    """Looks at the bus after each cycle; ``cipo`` is what it drives until the next.

    It samples on the rising edge of clk, drives on the falling one, and answers a read only after
    it was woken up by a command of its own.
    """

    def __init__(self, data: bytes, *, wakes: bool = True) -> None:
        self.data = data
        self.wakes = wakes
        self.awake = False
        self.cipo = 1
        self._clk = 0
        self._selected = 0
        self._bits: list[int] = []
        self._sent = 0

    def see(self, cs: int, clk: int, copi: int) -> None:
        """The bus as it is after an edge of the system's clock."""
        if cs and not self._selected:
            assert not clk and not self._clk, "selected while the clock is high"
            self._bits, self._sent = [], 0
        if not cs and self._selected:
            assert not clk, "released while the clock is high"
            if self._byte(0) == 0xAB and len(self._bits) == 8:
                self.awake = self.wakes
            self.cipo = 1
        if cs and self._selected:
            if clk and not self._clk:
                self._bits.append(copi)
            elif self._clk and not clk and len(self._bits) >= 32:
                self._drive()
        self._clk, self._selected = clk, cs

    def _byte(self, index: int) -> int | None:
        bits = self._bits[8 * index : 8 * index + 8]
        return int("".join(map(str, bits)), 2) if len(bits) == 8 else None

    def _drive(self) -> None:
        if self._byte(0) != 0x03 or not self.awake:
            return
        address = int("".join(map(str, self._bits[8:32])), 2) + self._sent // 8
        self.cipo = self.data[address % len(self.data)] >> (7 - self._sent % 8) & 1
        self._sent += 1
