"""What psycopg 2 and SQLAlchemy's pool make of sessions and statements that the guard ends."""

import psycopg2
import sqlalchemy
from sqlalchemy import create_engine, text

from dbapi import Steps, pid_of
from facts import PATHS, attempt, settings, tell


def connect(path, user, autocommit=False):
    connection = psycopg2.connect(dbname='postgres', **settings(path, user))
    connection.autocommit = autocommit
    return connection


def describe(error):
    # SQLAlchemy keeps the driver's error in "orig".
    cause = getattr(error, 'orig', error)
    diag = getattr(cause, 'diag', None)
    return {
        'cause': type(cause).__name__,
        'connection_invalidated': getattr(error, 'connection_invalidated', None),
        'sqlstate': getattr(cause, 'pgcode', None),
        'message': diag and diag.message_primary or str(cause),
        'detail': diag and diag.message_detail,
        'hint': diag and diag.message_hint,
    }


def use(engine):
    with engine.connect() as connection:
        return connection.execute(text('SELECT 42')).scalar()


def end_in_pool(engine, limit='idle_session_timeout'):
    with engine.connect() as connection:
        pid = connection.execute(text('SELECT pg_backend_pid()')).scalar()
        if limit == 'idle_in_transaction_session_timeout':
            steps.let_end(pid, limit)
            return connection.execute(text('SELECT 42')).scalar()
    steps.let_end(pid, limit)


def pool_as_it_is(url):
    engine = create_engine(url, pool_size=1, max_overflow=0)
    end_in_pool(engine)
    attempt('pool: first', lambda: use(engine), describe)
    attempt('pool: second', lambda: use(engine), describe)
    attempt('pool, in transaction: query', lambda: end_in_pool(engine, 'idle_in_transaction_session_timeout'), describe)
    attempt('pool, in transaction: next', lambda: use(engine), describe)


def pool_of_two(url):
    engine = create_engine(url, pool_size=2, max_overflow=0)
    with engine.connect() as one, engine.connect() as other:
        pids = [connection.execute(text('SELECT pg_backend_pid()')).scalar() for connection in (one, other)]
    for pid in pids:
        steps.let_end(pid, 'idle_session_timeout')
    for number in ('first', 'second', 'third'):
        attempt(f'pool of two: {number}', lambda: use(engine), describe)


def pool_that_checks(url):
    # Each connection is asked whether it is there when it is taken from the pool, and none is
    # kept unused for longer than the idle limit, or open for longer than the one on its age.
    engine = create_engine(url, pool_pre_ping=True, pool_recycle=1800)
    end_in_pool(engine)
    attempt('checking pool: first', lambda: use(engine), describe)


steps = Steps(connect, describe)
neighbor = connect('direct', 'neighbor', autocommit=True)
neighbor_pid = pid_of(neighbor)
tell('version', {'result': f'psycopg2 {psycopg2.__version__}, SQLAlchemy {sqlalchemy.__version__}'})
for path in PATHS:
    steps.idle(path)
    steps.in_transaction(path)
    steps.statement(path)
    if path != 'session':
        steps.ended_at_work(path)
url = 'postgresql+psycopg2://{user}@{host}:{port}/postgres'.format(**settings('direct', 'idler'))
pool_as_it_is(url)
pool_of_two(url)
pool_that_checks(url)
tell('neighbor', {'result': pid_of(neighbor) == neighbor_pid})
