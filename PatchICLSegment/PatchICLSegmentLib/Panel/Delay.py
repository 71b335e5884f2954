"""Something that is done once, when nothing more has asked for it for a while."""

import qt


def delayed(receiver, milliseconds: int):
    """A timer; each `start` begins the wait anew."""
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.connect("timeout()", receiver)
    return timer
