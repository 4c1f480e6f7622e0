"""What the two versions of psycopg do alike, by Python's DB-API: the steps of a connection."""

from facts import attempt, tell


def value(connection, query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def pid_of(connection):
    return value(connection, 'SELECT pg_backend_pid()')


class Steps:
    """Steps with connections that "connect" opens, and errors that "describe" describes."""

    def __init__(self, connect, describe):
        self.connect = connect
        self.describe = describe
        self.observer = connect('direct', 'observer', autocommit=True)

    def let_end(self, pid, limit):
        with self.observer.cursor() as cursor:
            cursor.execute('CALL let_end(%s, %s)', (pid, limit))

    def ask(self, name, connection, query='SELECT 42'):
        attempt(name, lambda: value(connection, query), self.describe)

    def idle(self, path):
        connection = self.connect(path, 'idler', autocommit=True)
        self.let_end(pid_of(connection), 'idle_session_timeout')
        tell(f'{path}, idle: closed before', {'result': connection.closed})
        self.ask(f'{path}, idle: next query', connection)
        tell(f'{path}, idle: closed after', {'result': connection.closed})
        self.ask(f'{path}, idle: query after that', connection)

    def in_transaction(self, path):
        connection = self.connect(path, 'idler')
        self.let_end(pid_of(connection), 'idle_in_transaction_session_timeout')
        self.ask(f'{path}, in transaction: next query', connection)
        tell(f'{path}, in transaction: closed after', {'result': connection.closed})
        attempt(f'{path}, in transaction: commit', connection.commit, self.describe)
        attempt(f'{path}, in transaction: rollback', connection.rollback, self.describe)

    def statement(self, path):
        connection = self.connect(path, 'runner')
        pid = pid_of(connection)
        self.ask(f'{path}, statement: canceled', connection, 'SELECT pg_sleep(600)')
        self.ask(f'{path}, statement: next query', connection)
        connection.rollback()
        self.ask(f'{path}, statement: after rollback', connection)
        tell(f'{path}, statement: same session', {'result': pid_of(connection) == pid})

    def ended_at_work(self, path):
        connection = self.connect(path, 'hurried')
        self.ask(f'{path}, at work: query', connection, 'SELECT pg_sleep(600)')
        tell(f'{path}, at work: closed after', {'result': connection.closed})
