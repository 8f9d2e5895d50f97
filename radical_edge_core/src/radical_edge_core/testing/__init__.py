"""
A kit for tests of plugins, edges and bridges: real parts, and faults that are counted.

The pytest plugin (``pytest_plugin``) is found by itself where this distribution is installed, and gives the fixtures
``tally`` and ``no_leaks``. The rest is imported from where it lies:

=============  ===========================================================================
module         what is in it
=============  ===========================================================================
``bridges``    ``running_bridge``: the real one, over a real socket
``edges``      ``running_edge``, ``running_application``: the real link, before plugins or any application
``api``        a small HTTP client that says what came back, byte for byte
``listening``  what a listener at ``/events`` gets
``faults``     ``FaultProxy``: a TCP connection that is cut, frozen, slow or refused
``tally``      ``Tally``: counts faults, fails at none, prints its seed
``byte_peer``  a WebSocket peer, and raw HTTP, that send what a polite client never would
``schedulers`` programs that stand in for a batch scheduler's, and a clock turned by hand
``waiting``    ``wait_until`` a condition holds
``leaks``      fails what leaves tasks, threads or children behind
=============  ===========================================================================
"""
