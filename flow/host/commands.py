"""Commands and their answers, whatever the line does meanwhile."""

from collections.abc import Sequence
from dataclasses import replace

from spikewright.flow.host.identity import Identity
from spikewright.flow.host.session import Session
from spikewright.golden.errors import ConfigurationError, LinkError
from spikewright.golden.link import ERRORS, Fault, FrameType

__all__ = ["MOST_ATTEMPTS", "Commands"]

MOST_ATTEMPTS = 8
"""Connections in a row that may be lost before anything has come of one."""


class Commands:
    """A session, and the device that must be behind it from the first connection to the last.

    Members
    -------
    identity : what the device said last. busy : somebody takes results one by one. stale : nobody
    knows what is still under way.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.where = session.transport.name
        self.busy = False
        self.stale = True
        self.identity = self.identify()

    def begin(self) -> None:
        """Have the line to oneself; connect where something may be under way.

        Raises
        ------
        ConfigurationError
            If somebody has begun to take results, and not ended.
        """
        if self.busy:
            raise ConfigurationError(
                "results must be taken to their end before the next command",
                found="some under way",
                where=self.where,
                action="exhaust or close the iterator of infer first",
            )
        if self.stale:
            self.session.connect()
            self.session.received.clear()
            self.stale = False

    def identify(self) -> Identity:
        """Ask the device who it is; from then on it must stay that."""
        self.identity = self._who()
        self.session.inbox = self.identity.inbox
        return self.identity

    def verify(self) -> None:
        """After a new connection the device must be the same; raises LinkError."""
        found = self._who()
        if found != self.identity:
            before = self.identity
            same = replace(found, ready=before.ready, network_hash=before.network_hash) == before
            raise LinkError(
                "the device must stay the one that it was",
                found="one that has lost its network" if same else "another board or bitstream",
                where=self.where,
                action="load the network again" if same else "open it anew",
            )

    def ask(self, kind: FrameType, commands: Sequence[bytes], answer: FrameType) -> bytes:
        """Send commands of one kind, again where the device was reset, for one answer in all.

        Raises
        ------
        LinkError
            If the device cannot do it, stops answering, or is another one all at once.
        """
        self.begin()
        self.stale = True  # until the answer is there
        session = self.session
        epoch, attempts = -1, 0
        while True:
            if session.epoch != epoch:
                if attempts and kind not in (FrameType.IDENTIFY, FrameType.LOAD):
                    self.stale = False
                    self.verify()
                    self.stale = True
                self.check_attempts(attempts)
                epoch, attempts = session.epoch, attempts + 1
                for command in commands[:-1]:
                    session.send(kind, command, answers=0)
                session.send(kind, commands[-1])
            session.pump(session.timeout)
            while session.received:
                got = session.received.popleft()
                if got.epoch != epoch:
                    continue
                if got.type == FrameType.ERROR:
                    raise self.refused(got.payload)
                if got.type == answer:
                    self.stale = False
                    return got.payload

    def check_attempts(self, attempts: int) -> None:
        """Raises LinkError where a device is reset again and again."""
        if attempts > MOST_ATTEMPTS:
            raise LinkError(
                "the device must stay up until it has answered",
                found=f"{attempts} resets, or breaks of the line, in a row",
                where=self.where,
                action="look after its power, cable and reset button",
            )

    def refused(self, payload: bytes) -> LinkError:
        """The error that an ERROR frame tells."""
        code = payload[1] if len(payload) > 1 else 0
        known = code in Fault.__members__.values()
        actions = {
            Fault.NETWORK: "open it anew",
            Fault.NOT_READY: "load it: spikewright load PROJECT",
            Fault.WITHOUT: "generate and build with what is missing",
        }
        return LinkError(
            "the device must be able to do it",
            found=ERRORS[Fault(code)] if known else f"error {code}",
            where=self.where,
            action=actions.get(Fault(code), "build the bitstream again") if known else "",
        )

    def _who(self) -> Identity:
        answer = self.ask(FrameType.IDENTIFY, [b""], FrameType.IDENTITY)
        return Identity.parse(answer, where=self.where)
