"""What psycopg 3 and its pool make of sessions and statements that the guard ends."""

import inspect

import psycopg
from psycopg_pool import ConnectionPool

from dbapi import Steps, pid_of, value
from facts import PATHS, attempt, settings, tell


def connect(path, user, **more):
    # Behind pgbouncer in transaction pooling, no statement may be prepared.
    return psycopg.connect(dbname='postgres', prepare_threshold=None, **settings(path, user), **more)


def describe(error):
    diag = getattr(error, 'diag', None)
    return {
        'sqlstate': getattr(error, 'sqlstate', None),
        'message': diag and diag.message_primary or str(error),
        'detail': diag and diag.message_detail,
        'hint': diag and diag.message_hint,
        'is_operational': isinstance(error, psycopg.OperationalError),
    }


def use(pool):
    with pool.connection() as connection:
        return value(connection, 'SELECT 42')


def end_in_pool(pool, limit='idle_session_timeout'):
    with pool.connection() as connection:
        pid = pid_of(connection)
        if limit == 'idle_in_transaction_session_timeout':
            steps.let_end(pid, limit)
            return value(connection, 'SELECT 42')
    steps.let_end(pid, limit)


def pool_as_it_is():
    with ConnectionPool(conninfo, min_size=1, max_size=1) as pool:
        end_in_pool(pool)
        attempt('pool: first', lambda: use(pool), describe)
        attempt('pool: second', lambda: use(pool), describe)
        attempt('pool, in transaction: query', lambda: end_in_pool(pool, 'idle_in_transaction_session_timeout'), describe)
        attempt('pool, in transaction: next', lambda: use(pool), describe)


def pool_of_two():
    with ConnectionPool(conninfo, min_size=2, max_size=2) as pool:
        with pool.connection() as one, pool.connection() as other:
            pids = pid_of(one), pid_of(other)
        for pid in pids:
            steps.let_end(pid, 'idle_session_timeout')
        for number in ('first', 'second', 'third'):
            attempt(f'pool of two: {number}', lambda: use(pool), describe)


def checking_pool(conninfo):
    # From 3.2 on, a connection can be checked each time that it is taken from the pool.
    return ConnectionPool(conninfo, min_size=1, max_size=1, check=ConnectionPool.check_connection)


def pool_that_checks():
    if 'check' in inspect.signature(ConnectionPool).parameters:
        pool = checking_pool(conninfo)
    else:
        pool = ConnectionPool(conninfo, min_size=1, max_size=1)
    with pool:
        end_in_pool(pool)
        if not hasattr(ConnectionPool, 'check_connection'):
            # Before, all that are in the pool can be checked, each minute perhaps.
            pool.check()
        attempt('checking pool: first', lambda: use(pool), describe)


def run_again(pool, work):
    """Run a transaction, and once more if its session has ended before it was committed."""
    for last in (False, True):
        try:
            with pool.connection() as connection:
                return work(connection)
        except psycopg.OperationalError as error:
            # Where the connection was only found closed, there is no code.
            code = error.sqlstate or '08006'
            if last or not (code.startswith('08') or code in ('57P01', '57P05', '25P03', '25P04')):
                raise


def pool_with_another_try():
    with ConnectionPool(conninfo, min_size=1, max_size=1) as pool:
        end_in_pool(pool)
        attempt('another try', lambda: run_again(pool, lambda connection: value(connection, 'SELECT 42')), describe)
        attempt('another try, another error', lambda: run_again(pool, lambda connection: value(connection, 'SELECT 1/0')), describe)


def canceled_statement_once():
    tries = []

    def work(connection):
        tries.append(1)
        return value(connection, 'SELECT pg_sleep(600)')

    with ConnectionPool(conninfo.replace('idler', 'runner'), min_size=1, max_size=1) as pool:
        attempt('another try, canceled', lambda: run_again(pool, work), describe)
    tell('another try, canceled: tries', {'result': len(tries)})


steps = Steps(connect, describe)
neighbor = connect('direct', 'neighbor', autocommit=True)
neighbor_pid = pid_of(neighbor)
conninfo = 'dbname=postgres host={host} port={port} user={user}'.format(**settings('direct', 'idler'))
tell('version', {'result': psycopg.__version__})
for path in PATHS:
    steps.idle(path)
    steps.in_transaction(path)
    steps.statement(path)
    if path != 'session':
        steps.ended_at_work(path)
pool_as_it_is()
pool_of_two()
pool_that_checks()
pool_with_another_try()
canceled_statement_once()
tell('neighbor', {'result': pid_of(neighbor) == neighbor_pid})
