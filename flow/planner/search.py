"""Widens whatever core limits, step by step, and chooses among all plans that came by."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from spikewright.boards import Board
from spikewright.flow.area import estimate_area
from spikewright.flow.cycles import Activity, estimate_cycles
from spikewright.golden.errors import ConfigurationError, SpikewrightError, UnsupportedError
from spikewright.golden.spec import Network
from spikewright.hdl.plan import HardwarePlan, MembraneStore, Rows, Sweeps, WeightStore

from .candidate import Candidate, Planned, front_of
from .goal import Limits, Objective
from .knobs import Knobs, build
from .moves import starts, wider
from .pins import Pins

__all__ = ["plan_hardware"]

_MOST = 160  # plans that are looked at in a mode
_OVER = 1.3  # how far beyond the board a plan may lie that is still widened
_VARIED = 4  # plans of the front whose memories are tried elsewhere, and with shorter queues
_DEPTHS = (4, 16)  # of queues: in registers, and in few lookup tables

Progress = Callable[[int, str], None]


def plan_hardware(
    network: Network,
    board: Board,
    activity: Activity | Sequence[Activity],
    *,
    objective: Objective,
    clock_hz: float | None = None,
    pins: Pins | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Planned:
    """The plan that is best for an objective, among those that fit.

    From the fewest lanes on, what keeps the busiest core busy gets more, as long as that makes
    samples follow each other faster and the board has room: lanes, neurons that decide beside the
    rows, spikes a cycle, sparse rows, sweeps of what was touched, cores. Of several ways the one is
    taken that gives the most speed for its lookup tables. What came by is kept. Of what is best by
    the objective, nearest to the limits, or best by another objective, memories go elsewhere and
    queues get shorter as long as that makes it better; of a few of the front each of these is tried
    once.

    Parameters
    ----------
    activity : traces of a mode, or of each mode that may be chosen.
    clock_hz : the clock to run at, which must lie within the spread of a plan's estimate; by
        default each runs at what is estimated.
    pins : choices that are made already. limits : what must be kept to beside the board.
    progress : called with the plans that were looked at, and the last one in words.

    Raises
    ------
    ConfigurationError
        If pins contradict each other, or no plan keeps to board, clock and limits: the nearest one
        is told, and what it misses.
    """
    pins, limits = pins or Pins(), limits or Limits()
    activities = [activity] if isinstance(activity, Activity) else list(activity)
    pins.check(network, tuple(each.mode for each in activities))
    _check_large(pins, board)
    search = _Search(network, board, clock_hz, pins, progress, (objective, limits))
    for each in activities:
        if pins.mode in (None, each.mode):
            search.run(each)
    if not search.found and search.against is not None:
        raise search.against
    return search.choose()


def _check_large(pins: Pins, board: Board) -> None:
    """Refuse large RAMs where there are none."""
    for what, store in (("weights", pins.weights), ("membranes", pins.membranes)):
        if store in (WeightStore.SPRAM, MembraneStore.SPRAM) and board.large_ram is None:
            raise ConfigurationError(
                f"{what} must be where the board has memory: {board.name} has no large RAMs",
                found=str(store),
                action="leave it out, or choose another board",
            )


class _Search:
    def __init__(
        self,
        network: Network,
        board: Board,
        clock_hz: float | None,
        pins: Pins,
        progress: Progress | None,
        wanted: tuple[Objective, Limits],
    ) -> None:
        self.network = network
        self.board = board
        self.clock_hz = clock_hz
        self.pins = pins
        self.progress = progress
        self.objective, self.limits = wanted
        self.found: dict[HardwarePlan, Candidate] = {}
        self.knobs: dict[HardwarePlan, Knobs] = {}
        self.against: SpikewrightError | None = None

    def run(self, activity: Activity) -> None:
        """All that one mode allows."""
        before = len(self.found)
        # Where there is no LUT RAM, what is too much for registers goes into block RAM.
        blocks = self.board.resources.block_rams > 0
        large = None
        if not self.board.resources.lut_ram:
            large = MembraneStore.BLOCK if blocks else MembraneStore.REGISTERS
        weights = None if blocks else WeightStore.LOGIC
        first = Knobs(mode=activity.mode, lanes={}, membranes=large, weights=weights)
        for knobs in starts(self.network, first, self.pins):
            now = self._look(knobs, activity)
            while now is not None and len(self.found) - before < _MOST:
                now = self._step(now, activity)
        self._vary(activity)

    def _step(self, now: Candidate, activity: Activity) -> Candidate | None:
        """The best of what makes it faster; None where nothing does."""
        knobs = self.knobs[now.plan]
        busy = {k: core.busy for k, core in enumerate(now.cycles.cores)}
        best, value = None, 0.0
        for other in wider(self.network, now.plan, knobs, busy, self.pins):
            found = self._look(other, activity)
            if found is None or self._over(found):
                continue
            gain = now.cycles.cycles / found.cycles.cycles - 1
            cost = max(1.0, found.area.luts - now.area.luts) / max(1, now.area.luts)
            if gain > 0.002 and gain / cost > value:
                best, value = found, gain / cost
        return best

    def _over(self, each: Candidate) -> bool:
        return each.excess(Limits(), self.board.resources, None) > _OVER

    def _look(self, knobs: Knobs, activity: Activity) -> Candidate | None:
        """What these choices cost; None where they do not go together."""
        try:
            plan = build(self.network, knobs, self.pins)
            if plan in self.found:
                return self.found[plan]
            area = estimate_area(self.network, plan, self.board)
            cycles = estimate_cycles(self.network, plan, activity)
        except (ConfigurationError, UnsupportedError) as error:
            self.against = self.against or error
            return None
        wanted = self.clock_hz
        clock = area.fmax_hz if wanted is None or wanted > area.most_hz else wanted
        candidate = Candidate(plan=plan, cycles=cycles, area=area, clock_hz=clock)
        self.found[plan] = candidate
        self.knobs[plan] = knobs
        if self.progress is not None:
            self.progress(len(self.found), f"{cycles.cycles:,.0f} cycles, {area.luts:,} LUTs")
        return candidate

    def _vary(self, activity: Activity) -> None:
        """The best plans with their memories elsewhere, where that is left to choose."""
        front = front_of(self._of_mode(activity))
        for each in front[:: max(1, len(front) // _VARIED)]:
            self._elsewhere(each, activity)
        wishes = [(self.objective, self.limits)]
        # What is fast came by already.
        wishes += [(objective, Limits()) for objective in (Objective.AREA, Objective.MEMORY)]
        for wish in dict.fromkeys(wishes):
            self._improve(partial(self._key, *wish), activity)

    def _improve(self, key: Callable[[Candidate], tuple[float, ...]], activity: Activity) -> None:
        """Go on from what is best, a change at a time, as long as that makes it better."""
        now = min(self._of_mode(activity), key=key, default=None)
        while now is not None:
            best = min((now, *self._elsewhere(now, activity)), key=key)
            now = None if best is now else best

    def _of_mode(self, activity: Activity) -> list[Candidate]:
        return [each for each in self.found.values() if each.plan.mode is activity.mode]

    def _key(self, objective: Objective, limits: Limits, each: Candidate) -> tuple[float, ...]:
        """What fits comes first, by its worth; else what is nearest to it."""
        excess = each.excess(limits, self.board.resources, self.clock_hz)
        return (max(1.0, excess), *each.worth(objective))

    def _elsewhere(self, each: Candidate, activity: Activity) -> list[Candidate]:
        """One memory, or the depth of queues, is another, where that is left to choose."""
        knobs, large = self.knobs[each.plan], self.board.resources.sprams > 0
        tried: list[Knobs] = []
        if self.pins.weights is None:
            stores = (w for w in WeightStore if large or w is not WeightStore.SPRAM)
            tried += [replace(knobs, weights=store) for store in stores]
        if self.pins.membranes is None:
            kinds = (m for m in MembraneStore if large or m is not MembraneStore.SPRAM)
            tried += [replace(knobs, membranes=store) for store in kinds]
        if self.pins.queue_depth is None:
            tried += [replace(knobs, queue_depth=depth) for depth in _DEPTHS]
        looked = (self._look(other, activity) for other in tried)
        return [found for found in looked if found is not None]

    def choose(self) -> Planned:
        """The best that keeps to everything."""
        resources, limits = self.board.resources, self.limits
        fitting = [
            each
            for each in self.found.values()
            if not each.misses(limits, resources, self.clock_hz)
        ]
        if not fitting:
            near = min(
                self.found.values(),
                key=lambda each: each.excess(limits, resources, self.clock_hz),
            )
            raise ConfigurationError(
                f"a plan for {self.board.name} must keep to what is asked of it",
                found="; ".join(near.misses(limits, resources, self.clock_hz)),
                where=f"the nearest of {len(self.found)} plans, {describe(near.plan)}",
                action="ask for less, pin less, or take a larger board",
            )
        chosen = min(fitting, key=lambda each: each.worth(self.objective))
        return Planned(
            plan=chosen.plan,
            chosen=chosen,
            front=front_of(fitting),
            limit=chosen.cycles.limit,
        )


def describe(plan: HardwarePlan) -> str:
    """A plan in a few words."""
    cores = []
    for core in plan.cores:
        names = "+".join(host.population for host in core.hosts)
        more = "" if core.sweep_lanes is None else f", {core.sweep_lanes} decide"
        more += "" if core.spikes == 1 else f", {core.spikes} spikes"
        more += ", sparse rows" if core.rows is Rows.SPARSE else ""
        more += ", touched sweeps" if core.sweeps is Sweeps.TOUCHED else ""
        cores.append(f"{names} {core.lanes} lanes{more}")
    return f"{plan.mode}: {'; '.join(cores)}"
