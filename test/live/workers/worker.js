// A worker of a group, by ioredis. What it is told and what it writes down: ../crew.py.
//
// It leaves to ioredis what that does by itself: connecting again, and sending again what was not
// answered.
"use strict";

const fs = require("fs");
const Redis = require("ioredis");

const { SOCKET, VIEW, GROUP, NAME, LOG } = process.env;
const CLAIM_MS = Number(process.env.CLAIM_MS);
const COUNT = 20;
const WORK_MS = 2; // so that it is often killed between handling and acknowledging

const log = fs.openSync(LOG, "a");
const redis = new Redis({ path: SOCKET, maxRetriesPerRequest: null, retryStrategy: () => 10 });
let reconnected = true; // so what was given and did not arrive may be pending
let connections = 0;
let life; // a promise: the run id of the server that this connection leads to

redis.on("error", () => {});
redis.on("close", () => { connections++; });
redis.on("ready", () => {
    const mine = connections;
    reconnected = true;
    life = redis.info("server").then((text) =>
        // If it was asked again over a later connection, the server of this one is not known.
        (mine === connections ? /run_id:(\w+)/.exec(text)[1] : `unknown${mine}`));
});

function note(...words) {
    fs.writeSync(log, words.join(" ") + "\n");
}

async function handle(how, askedMs, entries) {
    if (!entries.length) return;
    const gotMs = Date.now() + 1;
    note("batch", how, await life, askedMs * 1000, gotMs * 1000);
    const ids = entries.map(([id]) => id);
    for (const [id, list] of entries) {
        const fields = {};
        for (let i = 0; i < list.length; i += 2) fields[list[i]] = list[i + 1];
        note("entry", id, fields.key, fields.event, fields.db);
    }
    await new Promise((resolve) => setTimeout(resolve, WORK_MS));
    if (await redis.xack(VIEW, GROUP, ...ids) === ids.length)
        note("acked", (Date.now() + 1) * 1000, ...ids);
}

async function read(how, start, ...block) {
    const asked = Date.now();
    const reply = await redis.xreadgroup("GROUP", GROUP, NAME, "COUNT", COUNT, ...block,
        "STREAMS", VIEW, start);
    const entries = reply ? reply[0][1] : [];
    await handle(how, asked, entries);
    return entries.length;
}

async function claim() {
    const asked = Date.now();
    const reply = await redis.xautoclaim(VIEW, GROUP, NAME, CLAIM_MS, "0", "COUNT", COUNT);
    await handle("claimed", asked, reply[1]);
}

async function work() {
    let claimAt = 0;
    for (;;) {
        if (reconnected) {
            reconnected = false;
            while (await read("own", "0"));
        }
        if (CLAIM_MS && Date.now() >= claimAt) {
            await claim();
            claimAt = Date.now() + CLAIM_MS;
        }
        await read("new", ">", "BLOCK", 200);
    }
}

work().catch((error) => {
    note("failed", error.message);
    process.exit(1);
});
