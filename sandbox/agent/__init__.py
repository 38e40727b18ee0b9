"""The agent of a sandbox host: one per host, in a worker that holds the host's engine.

It keeps one attached stream per standing container, follows what runs in them, and answers the gateway. It
may be killed at any moment: the runner inside each container keeps what was not taken note of, and the next
agent goes on from there.
"""
