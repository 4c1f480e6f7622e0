"""What asyncpg and its pool make of sessions and statements that the guard ends."""

import asyncio

import asyncpg

from facts import PATHS, settings, tell


def connect(path, user):
    # Behind pgbouncer in transaction pooling, no statement may be prepared.
    return asyncpg.connect(database='postgres', statement_cache_size=0, **settings(path, user))


def describe(error):
    return {
        'class': type(error).__name__,
        'sqlstate': getattr(error, 'sqlstate', None),
        'message': getattr(error, 'message', None) or str(error),
        'detail': getattr(error, 'detail', None),
        'hint': getattr(error, 'hint', None),
    }


async def attempt(name, work, *arguments):
    try:
        tell(name, {'result': await work(*arguments)})
    except Exception as error:
        tell(name, {'error': describe(error)})


def pid_of(connection):
    return connection.fetchval('SELECT pg_backend_pid()')


async def let_end(pid, limit):
    await observer.execute(f"CALL let_end({pid}, '{limit}')")


def event_of_end(connection):
    """What is set when the event loop has seen that the connection is closed."""
    closed = asyncio.Event()
    connection.add_termination_listener(lambda _: closed.set())
    return closed


async def let_end_and_close(connection, limit):
    closed = event_of_end(connection)
    await let_end(await pid_of(connection), limit)
    await closed.wait()


async def idle(path):
    connection = await connect(path, 'idler')
    if path == 'transaction':
        await let_end(await pid_of(connection), 'idle_session_timeout')
    else:
        await let_end_and_close(connection, 'idle_session_timeout')
    tell(f'{path}, idle: closed before', {'result': connection.is_closed()})
    await attempt(f'{path}, idle: next query', connection.fetchval, 'SELECT 42')
    tell(f'{path}, idle: closed after', {'result': connection.is_closed()})
    await attempt(f'{path}, idle: query after that', connection.fetchval, 'SELECT 42')


async def in_transaction(path):
    connection = await connect(path, 'idler')
    transaction = connection.transaction()
    await transaction.start()
    await let_end_and_close(connection, 'idle_in_transaction_session_timeout')
    await attempt(f'{path}, in transaction: next query', connection.fetchval, 'SELECT 42')
    tell(f'{path}, in transaction: closed after', {'result': connection.is_closed()})
    await attempt(f'{path}, in transaction: commit', transaction.commit)


async def statement(path):
    connection = await connect(path, 'runner')
    transaction = connection.transaction()
    await transaction.start()
    pid = await pid_of(connection)
    await attempt(f'{path}, statement: canceled', connection.fetchval, 'SELECT pg_sleep(600)')
    await attempt(f'{path}, statement: next query', connection.fetchval, 'SELECT 42')
    await transaction.rollback()
    await attempt(f'{path}, statement: after rollback', connection.fetchval, 'SELECT 42')
    tell(f'{path}, statement: same session', {'result': await pid_of(connection) == pid})


async def ended_at_work(path):
    connection = await connect(path, 'hurried')
    await attempt(f'{path}, at work: query', connection.fetchval, 'SELECT pg_sleep(600)')
    tell(f'{path}, at work: closed after', {'result': connection.is_closed()})


def create_pool():
    # Connections that have not been used for five minutes are closed, sooner than by the limit.
    return asyncpg.create_pool(
        database='postgres', min_size=1, max_size=1, max_inactive_connection_lifetime=300, **settings('direct', 'idler'))


async def end_in_transaction(pool):
    async with pool.acquire() as connection:
        async with connection.transaction():
            await let_end_and_close(connection, 'idle_in_transaction_session_timeout')
            return await connection.fetchval('SELECT 42')


async def use_pool():
    pool = await create_pool()
    async with pool.acquire() as connection:
        pid = await pid_of(connection)
        closed = event_of_end(connection)
    await let_end(pid, 'idle_session_timeout')
    await closed.wait()
    await attempt('pool: first', pool.fetchval, 'SELECT 42')
    await attempt('pool, in transaction: query', end_in_transaction, pool)
    await attempt('pool, in transaction: next', pool.fetchval, 'SELECT 42')
    await pool.close()


async def main():
    global observer
    observer = await connect('direct', 'observer')
    neighbor = await connect('direct', 'neighbor')
    neighbor_pid = await pid_of(neighbor)
    tell('version', {'result': asyncpg.__version__})
    for path in PATHS:
        await idle(path)
        await in_transaction(path)
        await statement(path)
        if path != 'session':
            await ended_at_work(path)
    await use_pool()
    tell('neighbor', {'result': await pid_of(neighbor) == neighbor_pid})


asyncio.run(main())
