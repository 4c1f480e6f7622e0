// What the JDBC driver and HikariCP make of sessions and statements that the guard ends.

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

public class Jdbc {
    interface Step { Object run() throws SQLException; }
    interface Work<T> { T on(Connection connection) throws SQLException; }

    static Map<String, String> port;
    static Connection observer;

    static String quote(Object value) {
        if (value == null || value instanceof Boolean || value instanceof Integer) return String.valueOf(value);
        return '"' + value.toString().replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
    }

    static void tell(String name, Object result) {
        System.out.println("{\"name\": " + quote(name) + ", \"result\": " + quote(result) + "}");
    }

    // Why the session was ended or the statement canceled; null if the server has not said so.
    static String reasonOf(SQLException e) {
        ServerErrorMessage server = e instanceof PSQLException p ? p.getServerErrorMessage() : null;
        return server == null ? null : server.getDetail();
    }

    static String describe(SQLException e) {
        ServerErrorMessage server = e instanceof PSQLException p ? p.getServerErrorMessage() : null;
        return "{\"class\": " + quote(e.getClass().getSimpleName())
            + ", \"sqlstate\": " + quote(e.getSQLState())
            + ", \"message\": " + quote(server != null ? server.getMessage() : e.getMessage())
            + ", \"detail\": " + quote(reasonOf(e))
            + ", \"hint\": " + quote(server != null ? server.getHint() : null)
            + ", \"text\": " + quote(e.getMessage()) + "}";
    }

    // Print what a step returns, or what the driver says of its error.
    static void attempt(String name, Step step) {
        try {
            tell(name, step.run());
        } catch (SQLException e) {
            System.out.println("{\"name\": " + quote(name) + ", \"error\": " + describe(e) + "}");
        }
    }

    // Behind pgbouncer in transaction pooling, no statement may be prepared under a name.
    static String url(String path) {
        return "jdbc:postgresql://127.0.0.1:" + port.get(path) + "/postgres?sslmode=disable&prepareThreshold=0";
    }

    static Connection connect(String path, String user) throws SQLException {
        return DriverManager.getConnection(url(path), user, "");
    }

    static int value(Connection connection, String query) throws SQLException {
        try (Statement s = connection.createStatement(); ResultSet r = s.executeQuery(query)) {
            r.next();
            return r.getInt(1);
        }
    }

    static int pidOf(Connection connection) throws SQLException {
        return value(connection, "SELECT pg_backend_pid()");
    }

    static void letEnd(int pid, String limit) throws SQLException {
        letEnd(pid, limit, "300ms");
    }

    static void letEnd(int pid, String limit, String threshold) throws SQLException {
        try (Statement s = observer.createStatement()) {
            s.execute("CALL let_end(" + pid + ", '" + limit + "', '" + threshold + "')");
        }
    }

    static Connection idle(String path) throws SQLException {
        Connection connection = connect(path, "idler");
        letEnd(pidOf(connection), "idle_session_timeout");
        return connection;
    }

    // A parameter that does not fit into what the driver sends at once.
    static Object askAtLength(Connection connection) throws SQLException {
        try (PreparedStatement s = connection.prepareStatement("SELECT length(?)")) {
            s.setString(1, "x".repeat(5_000_000));
            s.executeQuery();
            return "done";
        }
    }

    static void tellOfIdle(String path) throws SQLException {
        Connection connection = idle(path);
        tell(path + ", idle: closed before", connection.isClosed());
        attempt(path + ", idle: next query", () -> value(connection, "SELECT 42"));
        tell(path + ", idle: closed after", connection.isClosed());
        attempt(path + ", idle: query after that", () -> value(connection, "SELECT 42"));
        connection.close();
    }

    // What else may be the first that is asked of it.
    static void tellOfOtherFirsts() throws SQLException {
        Connection asked = idle("direct");
        tell("direct, idle: valid", asked.isValid(5));
        asked.close();

        Connection sent = idle("direct");
        attempt("direct, idle: long query", () -> askAtLength(sent));
        sent.close();

        Connection committed = inTransaction("direct");
        attempt("direct, in transaction: commit", () -> { committed.commit(); return true; });
        committed.close();
    }

    static Connection inTransaction(String path) throws SQLException {
        Connection connection = connect(path, "idler");
        connection.setAutoCommit(false);
        letEnd(pidOf(connection), "idle_in_transaction_session_timeout");
        return connection;
    }

    static void tellOfTransaction(String path) throws SQLException {
        Connection connection = inTransaction(path);
        attempt(path + ", in transaction: next query", () -> value(connection, "SELECT 42"));
        attempt(path + ", in transaction: rollback", () -> { connection.rollback(); return true; });
        connection.close();
    }

    static void tellOfStatement(String path) throws SQLException {
        Connection connection = connect(path, "runner");
        connection.setAutoCommit(false);
        int pid = pidOf(connection);
        attempt(path + ", statement: canceled", () -> value(connection, "SELECT 1 FROM pg_sleep(600)"));
        attempt(path + ", statement: next query", () -> value(connection, "SELECT 42"));
        connection.rollback();
        attempt(path + ", statement: after rollback", () -> value(connection, "SELECT 42"));
        tell(path + ", statement: same session", pidOf(connection) == pid);
        connection.close();
    }

    static void tellOfWork(String path) throws SQLException {
        Connection connection = connect(path, "hurried");
        attempt(path + ", at work: query", () -> value(connection, "SELECT 1 FROM pg_sleep(600)"));
        tell(path + ", at work: closed after", connection.isClosed());
        connection.close();
    }

    // Connections are younger than session_timeout, and go sooner than idle_session_timeout ends them.
    static HikariDataSource pool(String url, String user) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setUsername(user);
        config.setMinimumIdle(1);
        config.setMaximumPoolSize(2);
        config.setMaxLifetime(TimeUnit.MINUTES.toMillis(30));
        config.setIdleTimeout(TimeUnit.MINUTES.toMillis(5));
        return new HikariDataSource(config);
    }

    // Has the session ended, by itself or by what the driver has found?
    static boolean isLost(SQLException e) {
        String code = String.valueOf(e.getSQLState());
        return code.startsWith("08") || Set.of("57P01", "57P05", "25P03", "25P04").contains(code);
    }

    // Run a transaction, and once more if its session has ended.
    static <T> T runAgain(DataSource pool, Work<T> work) throws SQLException {
        for (boolean last = false; ; last = true) {
            try (Connection connection = pool.getConnection()) {
                connection.setAutoCommit(false);
                T result = work.on(connection);
                connection.commit();
                return result;
            } catch (SQLException e) {
                if (last || !isLost(e)) throw e;
            }
        }
    }

    static Object use(DataSource pool) throws SQLException {
        try (Connection connection = pool.getConnection()) {
            return value(connection, "SELECT 42");
        }
    }

    static Object endTransactionOf(DataSource pool) throws SQLException {
        try (Connection connection = pool.getConnection()) {
            connection.setAutoCommit(false);
            letEnd(pidOf(connection), "idle_in_transaction_session_timeout");
            return value(connection, "SELECT 42");
        }
    }

    static void tellOfPool() throws SQLException {
        boolean[] ended = { false };
        try (HikariDataSource pool = pool(url("direct"), "idler")) {
            int pid;
            try (Connection connection = pool.getConnection()) { pid = pidOf(connection); }
            // The pool does not ask a connection that was in use within the last 500 ms.
            letEnd(pid, "idle_session_timeout", "700ms");
            attempt("pool: first", () -> use(pool));
            attempt("pool, in transaction: query", () -> endTransactionOf(pool));
            attempt("pool, in transaction: next", () -> use(pool));
            attempt("another try", () -> runAgain(pool, connection -> {
                if (!ended[0]) {
                    ended[0] = true;
                    letEnd(pidOf(connection), "idle_in_transaction_session_timeout");
                }
                return value(connection, "SELECT 42");
            }));
            attempt("another try, another error", () -> runAgain(pool, connection -> value(connection, "SELECT 1/0")));
        }
        try (HikariDataSource pool = pool(url("direct"), "runner")) {
            attempt("pool, statement: canceled", () -> {
                try (Connection connection = pool.getConnection()) { return value(connection, "SELECT 1 FROM pg_sleep(600)"); }
            });
            attempt("pool, statement: next", () -> use(pool));
        }
    }

    public static void main(String[] args) throws Exception {
        port = Map.of("direct", args[0], "session", args[1], "transaction", args[2]);
        observer = connect("direct", "observer");
        Connection neighbor = connect("direct", "neighbor");
        int pid = pidOf(neighbor);
        tell("version", org.postgresql.util.DriverInfo.DRIVER_VERSION);
        for (String path : new String[] { "direct", "session", "transaction" }) {
            tellOfIdle(path);
            tellOfTransaction(path);
            tellOfStatement(path);
            if (!path.equals("session")) tellOfWork(path);
        }
        tellOfOtherFirsts();
        tellOfPool();
        tell("neighbor", pidOf(neighbor) == pid);
    }
}
