"""A signal without Qt, so that the logic can tell a panel, a test or a script what happened."""


class Signal:
    """Calls every connected function in the order of connection.

    Example:
        finished = Signal()
        finished.connect(print)
        finished.emit("done")
    """

    def __init__(self):
        self._receivers = []

    def connect(self, receiver) -> None:
        self._receivers.append(receiver)

    def disconnect(self, receiver) -> None:
        self._receivers.remove(receiver)

    def emit(self, *arguments) -> None:
        for receiver in list(self._receivers):
            receiver(*arguments)


class Connections:
    """Functions that listen to signals until `end`. Args: pairs of a signal and a function."""

    def __init__(self, *pairs):
        self._pairs = pairs
        for signal, receiver in pairs:
            signal.connect(receiver)

    def end(self) -> None:
        pairs, self._pairs = self._pairs, ()
        for signal, receiver in pairs:
            signal.disconnect(receiver)
