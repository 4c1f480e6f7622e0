"""What the programs in Python share: where the servers are, and how to tell what a client sees."""

import json
import sys

PATHS = ('direct', 'session', 'transaction')
PORT = dict(zip(PATHS, sys.argv[1:]))


def settings(path, user):
    """What to connect with."""
    return {'host': '127.0.0.1', 'port': int(PORT[path]), 'user': user}


def tell(name, fact):
    """Print what came of a step."""
    print(json.dumps({'name': name, **fact}), flush=True)


def attempt(name, work, describe):
    """Print what a step returns, or what the driver says of its error."""
    try:
        tell(name, {'result': work()})
    except Exception as error:
        tell(name, {'error': {'class': type(error).__name__, **describe(error)}})
