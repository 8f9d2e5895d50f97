"""
The link in an event loop: exchanges over a mux, over memory or over a channel and its sockets.

The protocol itself is in ``link``, without I/O; here are the tasks, the waiting and the bytes on their way.
"""
