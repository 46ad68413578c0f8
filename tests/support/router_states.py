"""Routers and cores as states: what may happen next, and a walk through all that can.

Everything is an immutable tuple. ``MergeRule`` is the merge's contract, written independently of
the hardware; it judges the hardware's order of tokens and drives the walk alike.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spikewright.golden.spec import TokenKind

__all__ = ["END", "SPIKE", "STEP", "Core", "Host", "MergeRule", "System", "Violation", "Walk"]

SPIKE, STEP, END = TokenKind.SPIKE, TokenKind.STEP, TokenKind.END
Move = tuple[TokenKind, int]  # SPIKE of an input; STEP or END of a host
Turn = tuple[tuple[bool, ...], tuple[bool, ...], tuple[str, ...]]


@dataclass(frozen=True)
class MergeRule:
    """What a merge may pass, from the kinds of token at the heads of its inputs.

    A turn is (passed, ended, end) by host: whether it passed this round's marker, whether it ended
    the sample, and its END: "" not met, "open" handed on and not yet answered, "again" to repeat.
    """

    hosts: tuple[tuple[int, ...], ...]

    def start(self) -> Turn:
        """Before the first sample."""
        n = len(self.hosts)
        return ((False,) * n, (False,) * n, ("",) * n)

    def moves(self, turn: Turn, heads: Sequence[TokenKind | None]) -> Iterator[Move]:
        """All that may pass now; None is an empty input."""
        for host, ports in enumerate(self.hosts):
            end = turn[2][host]
            if end == "again" and self.has_turn(turn, host):
                yield (END, host)
            if end:
                continue
            for port in ports:
                if heads[port] is SPIKE:
                    yield (SPIKE, port)
            if self.has_turn(turn, host):
                at = [heads[port] for port in ports]
                if all(head is END for head in at):
                    yield (END, host)
                elif self.may_step(at):
                    yield (STEP, host)

    def may_step(self, heads: Sequence[TokenKind | None]) -> bool:
        """Whether a host with these heads may pass STEP; not all are END."""
        return all(head in (STEP, END) for head in heads)

    def has_turn(self, turn: Turn, host: int) -> bool:
        """Whether lock step lets the host pass a marker."""
        passed, ended, _ = turn
        return not passed[host] and not ended[host]

    def taken(self, turn: Turn, move: Move, heads: Sequence[TokenKind | None]) -> list[int]:
        """The inputs whose head a move takes."""
        kind, which = move
        if kind is SPIKE:
            return [which]
        if turn[2][which] == "again":
            return []
        return [port for port in self.hosts[which] if heads[port] is kind]

    def after(self, turn: Turn, move: Move) -> Turn:
        """The turn after a move."""
        kind, host = move
        if kind is SPIKE or len(self.hosts) == 1:
            return turn
        passed, ended, end = turn
        if kind is END:
            end = put(end, host, "open")
        return self.round_over((put(passed, host, True), ended, end))

    def answered(self, turn: Turn, host: int, again: bool) -> Turn:
        """The turn after the consumer has dealt with the END of a host."""
        if len(self.hosts) == 1:
            return turn
        passed, ended, end = turn
        if again:
            return (passed, ended, put(end, host, "again"))
        return self.round_over((passed, put(ended, host, True), put(end, host, "")))

    def round_over(self, turn: Turn) -> Turn:
        """Begin a round when all have passed or ended, a sample when all have ended."""
        passed, ended, end = turn
        if all(p or e for p, e in zip(passed, ended, strict=True)):
            passed = (False,) * len(passed)
        if all(ended):
            ended = (False,) * len(ended)
        return (passed, ended, end)


@dataclass(frozen=True)
class Host:
    """A population on a core, what it reads, what of the step before, the most it fires a step."""

    name: str
    reads: tuple[str, ...]
    spikes: int = 1
    late: tuple[str, ...] = ()


@dataclass(frozen=True)
class Core:
    """What one core hosts; a ``relay`` only passes on, as the merge of a partition does."""

    hosts: tuple[Host, ...]
    relay: bool = False


class Violation(AssertionError):
    """A state that must not be reached."""


# A token is (kind, sample, step); the kind is all that a rule sees.
Token = tuple[TokenKind, int, int]


class StepUnit:
    """What stands behind a queue whose tokens are heard a step later.

    Its state: whether the sample's first marker has passed, and whether what is left of the sample
    is dropped.
    """

    start: tuple = (False, False)

    def __init__(self, keeps: bool) -> None:
        self.keeps = keeps

    def head(self, state: tuple, token: Token | None, timely: list) -> TokenKind | None:
        """What the merge sees, from what the other inputs have: nothing until all wait."""
        began, drops = state
        if drops or any(each not in (STEP, END) for each in timely):
            return None
        if self.keeps and token is not None and token[0] is END and STEP in timely:
            return None  # of the sample before; it is dropped
        if all(each is END for each in timely):
            return END
        if not began:
            return STEP
        return None if token is None else token[0]

    def taken(self, state: tuple, kind: TokenKind, sample: int) -> tuple[tuple, bool]:
        """The state after the merge took what it saw, and whether the queue's token goes with it.

        ``sample`` is the one that the consumer is in.
        """
        began, _ = state
        if kind is END:
            return (state if self.keeps else (False, True)), False
        if kind is STEP:
            return (True, False), began
        return state, True

    def idle(self, state: tuple, token: Token) -> tuple | None:
        """The state after a token left the queue by itself; None where it stays."""
        _, drops = state
        if drops:
            return (False, token[0] is not END)
        return state if self.keeps and token[0] is END else None

    def place(self, token: Token, now: tuple[int, int]) -> tuple[int, int]:
        """The (sample, step) in which a token is to be heard."""
        _, sample, step = token
        if self.keeps and sample + 1 == now[0] and now[1] == 0:
            return now  # the last step of the sample before
        return sample, step + 1


class SampleUnit(StepUnit):
    """The same of whole samples, which have no steps; its state: nothing is heard, it drops."""

    start = (True, False)

    def head(self, state: tuple, token: Token | None, timely: list) -> TokenKind | None:
        """The sample before, then its END in the place of this one's."""
        fresh, drops = state
        if drops or any(each is not END for each in timely):
            return None
        if fresh:
            return END
        return None if token is None else token[0]

    def taken(self, state: tuple, kind: TokenKind, sample: int) -> tuple[tuple, bool]:
        """An END takes that of the sample before with it, where there was one."""
        fresh, _ = state
        if kind is END:
            return (not self.keeps, not self.keeps), not fresh
        return state, True

    def idle(self, state: tuple, token: Token) -> tuple | None:
        """What is left of a sample whose END resets."""
        fresh, drops = state
        return (fresh, token[0] is not END) if drops else None

    def place(self, token: Token, now: tuple[int, int]) -> tuple[int, int]:
        """A sample later."""
        return token[1] + 1, 0


class SumUnit(StepUnit):
    """The same of the sums of a sample that settles.

    Its state: whether the first marker has passed, whether it is to bring sums before it, and the
    sample whose sums wait to be brought, if any do.
    """

    start = (False, False, None)

    def head(self, state: tuple, token: Token | None, timely: list) -> TokenKind | None:
        """Markers only; what is summed up is not seen here."""
        began, remembers, held = state
        if any(each not in (STEP, END) for each in timely):
            return None
        if remembers and not began and held is None:
            return None
        return END if all(each is END for each in timely) else STEP

    def taken(self, state: tuple, kind: TokenKind, sample: int) -> tuple[tuple, bool]:
        """The first marker takes the sums with it."""
        began, remembers, held = state
        if not began and remembers:
            if held != sample - 1:
                raise Violation(f"sums of sample {held} come in sample {sample}")
            held = None
        return ((False, self.keeps, held) if kind is END else (True, remembers, held)), False

    def idle(self, state: tuple, token: Token) -> tuple | None:
        """All is summed up; an END waits while another sample's sums do."""
        began, remembers, held = state
        if token[0] is not END:
            return state
        if held is not None:
            return None
        return (began, remembers, token[1] if self.keeps else None)


@dataclass(frozen=True)
class System:
    """Cores joined by queues, and what there is to do.

    Parameters
    ----------
    cores : in any order. inputs : (name, most spikes a step). depths : entries of the queue from a
        producer to a host, ``late_depths`` of that in front of a delay; 1 where not given.
    samples, steps : how many; ``steps`` may be several numbers, of which each sample of each input
        takes any.
    extra : steps that a host may add at END, as one that settles does. answers : hosts of a shared
        core take turns at these steps, too. rule : of the merges. overlaps : a core goes on while
        its output still holds a token, as hardware does; else each token is waited for. keeps : a
        port behind a delay keeps the last step of a sample for the next one. unit : behind a delay.
    collapsed : a sample has no steps; who fires does so at END.
    """

    cores: tuple[Core, ...]
    inputs: tuple[tuple[str, int], ...] = (("in", 1),)
    depths: tuple[tuple[str, str, int], ...] = ()
    late_depths: tuple[tuple[str, str, int], ...] = ()
    samples: int = 1
    steps: tuple[int, ...] = (2,)
    extra: int = 0
    answers: bool = True
    rule: type[MergeRule] = MergeRule
    overlaps: bool = False
    keeps: bool = False
    unit: type[StepUnit] = StepUnit
    collapsed: bool = False


# A core: the merge's turn, its register, the pass under way as (host, spikes sent, steps added),
# for each host the (sample, step) it is in, and for each port the state of the unit behind its
# delay. An input: its (sample, step, spikes sent).
State = tuple[tuple, ...]


class Walk:
    """Goes through every state of a system that can be reached, whatever comes first.

    In each step one thing happens: an input sends, a queue takes a token, a merge chooses, a core
    adds a spike, or sends a spike or the marker of its pass. How many spikes a population sends in
    a step, from none to its most, is left open as well. Nothing is held but in queues, in merges
    (a core with one port has none) and, one token, at each output; hardware holds more.

    Raises ``Violation`` where nothing can happen although not all is done, where a spike comes in a
    step that is not its own, and where a marker overtakes.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self.unit = system.unit(system.keeps)
        self.producers = [name for name, _ in system.inputs]
        self.owner = {name: index for index, name in enumerate(self.producers)}
        first = len(self.producers)
        for index, core in enumerate(system.cores):
            self.owner |= {host.name: first + index for host in core.hosts}
        self.ports = [
            [(host, name) for host, h in enumerate(core.hosts) for name in (*h.reads, *h.late)]
            for core in system.cores
        ]
        self.late = [
            [late for h in core.hosts for late in (False,) * len(h.reads) + (True,) * len(h.late)]
            for core in system.cores
        ]
        self.rules = [
            system.rule(
                tuple(
                    tuple(k for k, (h, _) in enumerate(ports) if h == host)
                    for host in range(len(core.hosts))
                )
            )
            for core, ports in zip(system.cores, self.ports, strict=True)
        ]
        depths = {
            (source, target, late): depth
            for late, given in ((False, system.depths), (True, system.late_depths))
            for source, target, depth in given
        }
        self.queues = [
            (
                index,
                port,
                name,
                depths.get((name, core.hosts[host].name, self.late[index][port]), 1),
            )
            for index, core in enumerate(system.cores)
            for port, (host, name) in enumerate(self.ports[index])
        ]
        self.branches = {
            name: tuple(q for q, (_, _, source, _) in enumerate(self.queues) if source == name)
            for name in self.owner
        }
        self.at = {(core, port): q for q, (core, port, _, _) in enumerate(self.queues)}

    def start(self) -> State:
        """Everything empty."""
        inputs = tuple((0, 0, 0) for _ in self.system.inputs)
        cores = tuple(
            (rule.start(), None, None, ((0, 0),) * len(core.hosts), (self.unit.start,) * len(ports))
            for rule, core, ports in zip(self.rules, self.system.cores, self.ports, strict=True)
        )
        outputs = (None,) * (len(inputs) + len(cores))
        return (inputs, cores, outputs, ((),) * len(self.queues))

    def explore(self, limit: int = 1_000_000) -> int:
        """Visit all states; their number."""
        start = self.start()
        seen, waiting = {start}, [start]
        while waiting:
            state = waiting.pop()
            after = list(self.after(state))
            if not after and not self.done(state):
                raise Violation(f"nothing can happen: {state}")
            for new in after:
                if new not in seen:
                    seen.add(new)
                    waiting.append(new)
            if len(seen) > limit:
                raise Violation(f"more than {limit} states")
        return len(seen)

    def done(self, state: State) -> bool:
        """Whether all samples went through all populations."""
        inputs, cores, outputs, queues = state
        samples = self.system.samples
        return (
            all(sample == samples for sample, _, _ in inputs)
            and all(register is None and now is None for _, register, now, *_ in cores)
            and all(sample == samples for core in cores for sample, _ in core[3])
            and not any(outputs)
            and not any(queue for q, queue in enumerate(queues) if not self._keeps(q))
        )

    def _keeps(self, q: int) -> bool:
        """Whether what is left in a queue is for the next sample."""
        index, port, _, _ = self.queues[q]
        return self.system.keeps and self.late[index][port]

    def after(self, state: State) -> Iterator[State]:
        """All states that one event leads to."""
        yield from self._delivered(state)
        for index in range(len(self.system.inputs)):
            if state[2][index] is None:
                yield from self._input_sends(state, index)
        for index, core in enumerate(self.system.cores):
            _, register, now, *_ = state[1][index]
            yield from self._drops(state, index)
            if state[2][len(state[0]) + index] is not None and not self.system.overlaps:
                continue
            if now is not None:
                yield from self._pass(state, index)
            elif register is not None:
                yield from self._takes(state, index, relay=core.relay)
            else:
                yield from self._merges(state, index)

    def _delivered(self, state: State) -> Iterator[State]:
        """A fork gives its token to one of the branches that do not have it yet."""
        inputs, cores, outputs, queues = state
        for producer, output in enumerate(outputs):
            if output is None:
                continue
            token, left = output
            for q in left:
                if self._has_room(state, q):
                    rest = tuple(other for other in left if other != q)
                    sent = (token, rest) if rest else None
                    yield (
                        inputs,
                        cores,
                        put(outputs, producer, sent),
                        put(queues, q, (*queues[q], token)),
                    )

    def _has_room(self, state: State, q: int) -> bool:
        """Whether a queue can take a token; that of a lone port keeps it until it is dealt with."""
        index, _, _, depth = self.queues[q]
        keeps = len(self.ports[index]) == 1 and state[1][index][1] is not None
        return len(state[3][q]) + keeps < depth

    def _sends(self, state: State, name: str, token: Token) -> State:
        """The state with a token at the output of a producer; one that nobody reads is gone."""
        branches = self.branches[name]
        if not branches:
            return state
        return (state[0], state[1], put(state[2], self.owner[name], (token, branches)), state[3])

    def _input_sends(self, state: State, index: int) -> Iterator[State]:
        name, most = self.system.inputs[index]
        sample, step, spikes = state[0][index]
        if sample == self.system.samples:
            return

        def sent(kind: TokenKind, progress: tuple[int, int, int]) -> State:
            new = (put(state[0], index, progress), *state[1:])
            return self._sends(new, name, (kind, sample, step))

        if self.system.collapsed:
            if spikes < most:
                yield sent(SPIKE, (sample, 0, spikes + 1))
            yield sent(END, (sample + 1, 0, 0))
            return
        if step < max(self.system.steps):
            if spikes < most:
                yield sent(SPIKE, (sample, step, spikes + 1))
            yield sent(STEP, (sample, step + 1, 0))
        if step in self.system.steps and spikes == 0:
            yield sent(END, (sample + 1, 0, 0))

    def _merges(self, state: State, index: int) -> Iterator[State]:
        """The merge passes one of the tokens that it may pass."""
        inputs, cores, outputs, queues = state
        turn, _, _, rounds, late = cores[index]
        rule, ports = self.rules[index], self.ports[index]
        tokens = [queues[self.at[index, port]][:1] for port in range(len(ports))]
        heads = self._heads(index, tokens, late)
        for move in rule.moves(turn, heads):
            kind, which = move
            host = ports[which][0] if kind is SPIKE else which
            left, units = queues, late
            for port in rule.taken(turn, move, heads):
                q = self.at[index, port]
                goes = True
                if self.late[index][port]:
                    new, goes = self.unit.taken(late[port], kind, rounds[host][0])
                    units = put(units, port, new)
                if goes:  # else it is a marker of the unit's own
                    self._check(
                        tokens[port][0], rounds[host], end=kind is END, late=self.late[index][port]
                    )
                    left = put(left, q, left[q][1:])
            core = (rule.after(turn, move), (kind, host), None, rounds, units)
            yield (inputs, put(cores, index, core), outputs, left)

    def _heads(self, index: int, tokens: list[tuple[Token, ...]], late: tuple) -> list:
        """What the merge sees."""
        heads = [token[0][0] if token else None for token in tokens]
        timely = [
            head for head, is_late in zip(heads, self.late[index], strict=True) if not is_late
        ]
        for port, is_late in enumerate(self.late[index]):
            if is_late:
                token = tokens[port][0] if tokens[port] else None
                heads[port] = self.unit.head(late[port], token, timely)
        return heads

    def _drops(self, state: State, index: int) -> Iterator[State]:
        """What a unit behind a delay takes from its queue by itself."""
        inputs, cores, outputs, queues = state
        *core, late = cores[index]
        for port, unit in enumerate(late):
            q = self.at[index, port]
            if not self.late[index][port] or not queues[q]:
                continue
            new = self.unit.idle(unit, queues[q][0])
            if new is not None:
                yield (
                    inputs,
                    put(cores, index, (*core, put(late, port, new))),
                    outputs,
                    put(queues, q, queues[q][1:]),
                )

    def _check(self, token: Token, place: tuple[int, int], *, end: bool, late: bool) -> None:
        """A token must belong to the step that its host is in; an END may be from before."""
        kind, sample, step = token
        sample_now, step_now = place
        if late:
            sample, step = self.unit.place(token, place)
        if sample != sample_now or step > step_now or (step < step_now and not end):
            raise Violation(f"{kind.name} of step {step} comes in step {step_now}")

    def _takes(self, state: State, index: int, *, relay: bool) -> Iterator[State]:
        """The core takes the token from the merge: adds a spike, or begins a pass."""
        inputs, cores, outputs, queues = state
        turn, (kind, host), _, rounds, late = cores[index]
        producer = len(inputs) + index
        if kind is not SPIKE:
            core = (turn, (kind, host), (host, 0, 0), rounds, late)
            yield (inputs, put(cores, index, core), outputs, queues)
        elif not relay:
            core = (turn, None, None, rounds, late)
            yield (inputs, put(cores, index, core), outputs, queues)
        elif outputs[producer] is None:
            new = (inputs, put(cores, index, (turn, None, None, rounds, late)), outputs, queues)
            name = self.system.cores[index].hosts[host].name
            yield self._sends(new, name, (SPIKE, *rounds[host]))

    def _pass(self, state: State, index: int) -> Iterator[State]:
        """A host sends one more spike of its pass, or the marker that ends it."""
        inputs, cores, outputs, queues = state
        if outputs[len(inputs) + index] is not None:
            return
        core = self.system.cores[index]
        turn, (kind, host), (_, spikes, added), rounds, late = cores[index]
        sample, step = rounds[host]
        rule = self.rules[index]

        def sent(token: TokenKind, new: tuple) -> State:
            changed = (inputs, put(cores, index, new), outputs, queues)
            return self._sends(changed, core.hosts[host].name, (token, sample, step))

        adds = kind is END and step < max(self.system.steps) + self.system.extra and not core.relay
        fires = not core.relay and (kind is STEP or (adds and self.system.extra > 0))
        fires |= self.system.collapsed
        if fires and spikes < core.hosts[host].spikes:
            yield sent(SPIKE, (turn, (kind, host), (host, spikes + 1, added), rounds, late))
        next_step = put(rounds, host, (sample, step + 1))
        if kind is STEP:
            yield sent(STEP, (turn, None, None, next_step, late))
            return
        if spikes and not self.system.collapsed:  # it fired at END, and wants another step
            if self.system.answers and len(core.hosts) > 1:
                yield sent(STEP, (rule.answered(turn, host, True), None, None, next_step, late))
            else:
                yield sent(STEP, (turn, (END, host), (host, 0, added + 1), next_step, late))
            return
        next_sample = put(rounds, host, (sample + 1, 0))
        yield sent(END, (rule.answered(turn, host, False), None, None, next_sample, late))


def put(values: tuple, index: int, value: object) -> tuple:
    """The tuple with one entry replaced."""
    return (*values[:index], value, *values[index + 1 :])
