"""The golden model: what a network computes, exactly."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model.arithmetic import payload_type
from spikewright.golden.model.circuit import Circuit
from spikewright.golden.model.encode import (
    Array,
    check_inputs,
    check_keep,
    check_mode,
    check_steps,
    encode,
    input_steps,
    totals,
)
from spikewright.golden.model.readout import decide
from spikewright.golden.model.record import Record, Result
from spikewright.golden.model.run import EXECUTIONS, Memory
from spikewright.golden.spec import Encoding, Mode, Network, analyse

__all__ = ["Model"]

CHUNK_BYTES = 1 << 24  # of payloads and registers at once, which then stay near the processor
REGISTERS = 4  # of a neuron: charge, membrane, tracer, level
NUMBER_BYTES = 4


class Model:
    """Runs a network on integers, batched; samples never see each other.

    Parameters
    ----------
    network : what to run.
    device : where to run it, as torch names it.
    """

    def __init__(self, network: Network, *, device: str | torch.device = "cpu") -> None:
        self.network = network
        self.device = usable_device(device)
        self._circuits: dict[Mode, Circuit] = {}

    @torch.no_grad()
    def run(
        self,
        inputs: Array | Mapping[str, Array],
        *,
        mode: Mode | str,
        steps: int | None = None,
        trace: bool = False,
        keep: Sequence[bool] | None = None,
    ) -> Result:
        """Run a batch of samples, each from the reset state, or in order as a stream.

        Parameters
        ----------
        inputs : integers [batch, n], or [batch, steps, n] where the encoding is ``events``; by
            name where the network has several inputs.
        mode : one that the network lists.
        steps : T of ``stepwise`` (default: as the events have, otherwise ``max_steps``); in the
            other modes the steps over which ``spread`` inputs come (default: one level a step).
        trace : whether to keep every spike and membrane.
        keep : for each sample whether its END keeps all state, from which the next one goes on. In
            ``stepwise`` no more than ``max_steps`` from one reset to the next; in the other modes
            what is kept is what connections with a delay bring, or with ``Network.keeps_state``
            all. Samples from one reset to the next are a stream; streams of the same length run
            side by side.
        """
        network = self.network
        mode = check_mode(network, mode)
        values = check_inputs(network, inputs, self.device)
        events = [each.name for each in network.inputs if each.encoding is Encoding.EVENTS]
        steps = check_steps(network, mode, steps, {values[name].shape[1] for name in events})
        lengths = {
            each.name: steps
            if mode is Mode.STEPWISE and steps is not None
            else input_steps(network, each, values[each.name], steps)
            for each in network.inputs
        }
        batch = next(iter(values.values())).shape[0]
        if keep is not None:
            check_keep(network, mode, keep, batch, steps)
            return self._streams(values, mode, lengths, keep, trace=trace)
        size = self._chunk(mode, lengths)
        parts = []
        for start in range(0, batch, size):
            chunk = {name: x[start : start + size] for name, x in values.items()}
            with torch.autocast(self.device.type, enabled=False):  # it would round
                parts.append(self._run(chunk, mode, lengths, trace=trace))
        return Result.join(parts)

    def _streams(
        self,
        values: dict[str, Tensor],
        mode: Mode,
        lengths: dict[str, int],
        keep: Sequence[bool],
        *,
        trace: bool,
    ) -> Result:
        """Run samples some of which go on where the one before them ended."""
        last = torch.tensor([not keeps for keeps in keep[:-1]] + [True])
        ends = last.nonzero()[:, 0]
        starts = torch.cat([ends.new_zeros(1), ends[:-1] + 1])
        counts = ends - starts + 1
        size = self._chunk(mode, lengths)
        parts, order = [], []
        for count in sorted(set(counts.tolist())):
            for begin in torch.split(starts[counts == count], size):
                memory = Memory()
                for position in range(count):
                    index = (begin + position).to(self.device)
                    some = {name: x[index] for name, x in values.items()}
                    with torch.autocast(self.device.type, enabled=False):  # it would round
                        parts.append(self._run(some, mode, lengths, trace=trace, memory=memory))
                    order.append(index)
        return Result.join(parts).at(torch.argsort(torch.cat(order)))

    def _run(
        self,
        values: dict[str, Tensor],
        mode: Mode,
        lengths: dict[str, int],
        *,
        trace: bool,
        memory: Memory | None = None,
    ) -> Result:
        """Run samples that fit the memory at once; ``lengths`` are the inputs' steps."""
        network = self.network
        if memory is not None and network.keeps_state:
            before, memory.inputs = memory.inputs, values
            values = {name: x - before[name] if before else x for name, x in values.items()}
        if mode is Mode.COLLAPSED:
            sent = {
                each.name: totals(each, values[each.name]).unsqueeze(0) for each in network.inputs
            }
        else:
            sent = {
                each.name: encode(each, values[each.name], lengths[each.name])
                for each in network.inputs
            }
        held = self._payload_types(mode)
        sent = {name: payloads.to(held[name]).contiguous() for name, payloads in sent.items()}
        record = Record(sent, full=trace)
        found = EXECUTIONS[mode](self._circuit(mode), sent, record, memory)
        population = network.population(network.readout.population)
        return Result(
            values=found,
            labels=decide(network.readout, found, population.positions),
            events=record.events,
            trace=record.trace(),
        )

    def _chunk(self, mode: Mode, lengths: dict[str, int]) -> int:
        """How many samples are run at once; stepwise, charges and levels of all steps are kept."""
        types = self._payload_types(mode)
        size = sum(
            lengths[each.name] * each.n * types[each.name].itemsize for each in self.network.inputs
        )
        for population in self.network.populations:
            kept = REGISTERS * NUMBER_BYTES
            if mode is Mode.STEPWISE:
                kept += max(lengths.values()) * (NUMBER_BYTES + types[population.name].itemsize)
            size += population.n * kept
        return max(1, CHUNK_BYTES // size)

    def _payload_types(self, mode: Mode) -> dict[str, torch.dtype]:
        """What the payloads of inputs and populations are kept in, by name."""
        return {
            name: payload_type(ranges.emitted.low, ranges.emitted.high, self.device)
            for name, ranges in analyse(self.network, mode).items()
        }

    def _circuit(self, mode: Mode) -> Circuit:
        if mode not in self._circuits:
            self._circuits[mode] = Circuit(self.network, mode, device=self.device)
        return self._circuits[mode]


def usable_device(name: str | torch.device) -> torch.device:
    """The device of that name, where this torch has it."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        raise ConfigurationError(
            "device must be one that torch can use here",
            found=repr(str(name)),
            where="golden model",
            action="take 'cpu', or install a torch that has the device",
        ) from error
    return device
