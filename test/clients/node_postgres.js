// What node-postgres and its pool make of sessions and statements that the guard ends.
'use strict';

const { spawnSync } = require('child_process');
const { Client, Pool } = require('pg');

const paths = ['direct', 'session', 'transaction'];
const ports = process.argv.slice(2, 5);
const port = Object.fromEntries(paths.map((path, i) => [path, Number(ports[i])]));
const settings = (path, user) => ({ host: '127.0.0.1', port: port[path], user, database: 'postgres' });

let observer;

function tell(name, fact) {
    console.log(JSON.stringify({ name, ...fact }));
}

function describe(error) {
    return {
        class: error.constructor.name, sqlstate: error.code ?? null, message: error.message,
        detail: error.detail, hint: error.hint, severity: error.severity,
    };
}

// Print what a step returns, or what the driver says of its error.
async function attempt(name, work) {
    try {
        tell(name, { result: await work() });
    } catch (error) {
        tell(name, { error: describe(error) });
    }
}

async function value(client, query) {
    return Object.values((await client.query(query)).rows[0])[0];
}

const pidOf = client => value(client, 'SELECT pg_backend_pid()');
const letEnd = (pid, limit) => observer.query(`CALL let_end(${pid}, '${limit}')`);

// events.once() would fail at an error before.
const event = (emitter, name) => new Promise(resolve => emitter.once(name, resolve));

// A client whose errors are kept: without a listener, an error ends the whole program.
async function connect(path, user) {
    const client = new Client(settings(path, user));
    client.errors = [];
    client.on('error', error => client.errors.push(error));
    await client.connect();
    return client;
}

function tellEvents(name, client) {
    client.errors.forEach((error, i) => tell(`${name}: event ${i + 1}`, { error: describe(error) }));
    tell(`${name}: events`, { result: client.errors.length });
}

async function idle(path) {
    const client = await connect(path, 'idler');
    const ended = path === 'transaction' ? null : event(client, 'end');
    await letEnd(await pidOf(client), 'idle_session_timeout');
    await ended;
    tellEvents(`${path}, idle`, client);
    await attempt(`${path}, idle: next query`, () => value(client, 'SELECT 42'));
    client.end();
}

async function inTransaction(path) {
    const client = await connect(path, 'idler');
    const ended = event(client, 'end');
    await client.query('BEGIN');
    await letEnd(await pidOf(client), 'idle_in_transaction_session_timeout');
    await ended;
    tellEvents(`${path}, in transaction`, client);
    await attempt(`${path}, in transaction: next query`, () => value(client, 'SELECT 42'));
}

async function statement(path) {
    const client = await connect(path, 'runner');
    await client.query('BEGIN');
    const pid = await pidOf(client);
    await attempt(`${path}, statement: canceled`, () => value(client, 'SELECT pg_sleep(600)'));
    await attempt(`${path}, statement: next query`, () => value(client, 'SELECT 42'));
    await client.query('ROLLBACK');
    await attempt(`${path}, statement: after rollback`, () => value(client, 'SELECT 42'));
    tell(`${path}, statement: same session`, { result: await pidOf(client) === pid });
    tell(`${path}, statement: events`, { result: client.errors.length });
    client.end();
}

async function endedAtWork(path) {
    const client = await connect(path, 'hurried');
    await attempt(`${path}, at work: query`, () => value(client, 'SELECT pg_sleep(600)'));
    await attempt(`${path}, at work: next query`, () => value(client, 'SELECT 42'));
    tellEvents(`${path}, at work`, client);
}

// What is told of a connection that waits in the pool.
function guardPool(pool, log) {
    pool.on('error', error => log(`lost a connection of the pool: ${error.code} ${error.message} ${error.detail ?? ''}`));
}

// A transaction on a connection of the pool; an error without a listener would end the program here, too.
async function transaction(pool, log, work) {
    const client = await pool.connect();
    const onError = error => log(`lost the connection in a transaction: ${error.code} ${error.detail ?? error.message}`);
    client.on('error', onError);
    try {
        await client.query('BEGIN');
        const result = await work(client);
        await client.query('COMMIT');
        return result;
    } catch (error) {
        // Of a lost connection there is nothing to roll back.
        await client.query('ROLLBACK').catch(() => {});
        throw error;
    } finally {
        client.off('error', onError);
        client.release();
    }
}

async function poolWithListeners() {
    const lines = [];
    const log = line => lines.push(line);
    const pool = new Pool({ ...settings('direct', 'idler'), max: 1 });
    guardPool(pool, log);
    const removed = event(pool, 'remove');
    await letEnd(await pidOf(pool), 'idle_session_timeout');
    await removed;
    tell('pool: log', { result: lines.join('\n') });
    await attempt('pool: first', () => value(pool, 'SELECT 42'));

    lines.length = 0;
    await attempt('pool, in transaction: query', () => transaction(pool, log, async client => {
        const ended = event(client, 'end');
        await letEnd(await pidOf(client), 'idle_in_transaction_session_timeout');
        await ended;
        return value(client, 'SELECT 42');
    }));
    tell('pool, in transaction: log', { result: lines.join('\n') });
    await attempt('pool, in transaction: next', () => value(pool, 'SELECT 42'));

    const runners = new Pool({ ...settings('direct', 'runner'), max: 1 });
    guardPool(runners, log);
    const pid = await pidOf(runners);
    await attempt('pool, statement: canceled', () => transaction(runners, log, client => value(client, 'SELECT pg_sleep(600)')));
    tell('pool, statement: same session', { result: await pidOf(runners) === pid });
    await pool.end();
    await runners.end();
}

// Programs that end by an error that nobody listens to.
const withoutListeners = {
    'a client': async () => {
        const client = new Client(settings('direct', 'idler'));
        await client.connect();
        return pidOf(client);
    },
    'a pool': async () => pidOf(new Pool(settings('direct', 'idler'))),
    'a pool, in transaction': async () => {
        const pool = new Pool(settings('direct', 'idler'));
        pool.on('error', () => {});
        const client = await pool.connect();
        await client.query('BEGIN');
        return pidOf(client);
    },
};

async function programWithoutListener(name) {
    const pid = await withoutListeners[name]();
    const limit = name.endsWith('transaction') ? 'idle_in_transaction_session_timeout' : 'idle_session_timeout';
    await letEnd(pid, limit);
    await value(observer, 'SELECT pg_sleep(30)');
    console.log('it goes on');
    process.exit();
}

function tellOfProgram(name) {
    const child = spawnSync(process.execPath, [__filename, ...ports, name], { encoding: 'utf8' });
    tell(`${name} without a listener: exit code`, { result: child.status });
    tell(`${name} without a listener: says`, { result: /Unhandled 'error' event|it goes on/.exec(child.stderr + child.stdout)?.[0] });
    tell(`${name} without a listener: SQLSTATE`, { result: /code: '(\w+)'/.exec(child.stderr)?.[1] });
}

async function main() {
    observer = new Client(settings('direct', 'observer'));
    await observer.connect();
    if (process.argv[5]) return programWithoutListener(process.argv[5]);

    const neighbor = new Client(settings('direct', 'neighbor'));
    await neighbor.connect();
    const pid = await pidOf(neighbor);
    tell('version', { result: require('pg/package.json').version });
    for (const path of paths) {
        await idle(path);
        await inTransaction(path);
        await statement(path);
        if (path !== 'session') await endedAtWork(path);
    }
    await poolWithListeners();
    Object.keys(withoutListeners).forEach(tellOfProgram);
    tell('neighbor', { result: await pidOf(neighbor) === pid });
    await neighbor.end();
    await observer.end();
}

main();
