"""An agent as a process of its own, to be killed: `agent_program.py HOST ENGINE SITE`."""

import signal
import sys
import threading

import django


def main() -> None:
    django.setup()
    from sandbox.agent.agent import Agent
    from sandbox.engine import DockerHost

    name, url, site = sys.argv[1:]
    stop = Agent(name, DockerHost(name, url, site)).start()
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_args: ending.set())
    ending.wait()
    stop()


if __name__ == "__main__":
    main()
