// The stream commands of a client library of node, as its users call them: prints what it makes of
// each reply. See ../test_stream_clients.py.
"use strict";

const [library, proto, path, key] = process.argv.slice(2);

async function byIoredis(say) {
    const Redis = require("ioredis");
    const r = new Redis({ path });
    const entries = await r.xrange(key, "-", "+");
    const ids = entries.map(([id]) => id);
    say("XRANGE", entries);
    say("XRANGE exclusive", await r.xrange(key, "(" + ids[1], "+", "COUNT", 2));
    say("XREVRANGE", await r.xrevrange(key, "+", "-", "COUNT", 2));
    say("XLEN", await r.xlen(key));
    say("XREAD", await r.xread("COUNT", 2, "STREAMS", key, "0"));
    say("XREAD BLOCK", await r.xread("BLOCK", 1000, "STREAMS", key, ids[3]));
    say("XREAD BLOCK in vain", await r.xread("BLOCK", 10, "STREAMS", key, "$"));
    say("XGROUP CREATE", await r.xgroup("CREATE", key, "g", "0", "MKSTREAM"));
    say("XGROUP again", await r.xgroup("CREATE", key, "g", "0").catch((e) => e.message));
    say("CREATECONSUMER", await r.xgroup("CREATECONSUMER", key, "g", "idle"));
    say("XREADGROUP", await r.xreadgroup("GROUP", "g", "w", "COUNT", 4, "STREAMS", key, ">"));
    say("XREADGROUP own", await r.xreadgroup("GROUP", "g", "w", "STREAMS", key, ids[1]));
    say("XACK", await r.xack(key, "g", ids[0]));
    say("XINFO STREAM", await r.xinfo("STREAM", key));
    say("XINFO FULL", await r.xinfo("STREAM", key, "FULL", "COUNT", 2));
    say("XINFO GROUPS", await r.xinfo("GROUPS", key));
    say("XINFO CONSUMERS", await r.xinfo("CONSUMERS", key, "g"));
    say("XPENDING", await r.xpending(key, "g"));
    say("XPENDING range", (await r.xpending(key, "g", "IDLE", 0, "-", "+", 10, "w"))
        .map(([id, consumer, idle, count]) => [id, consumer, typeof idle, count]));
    say("XCLAIM", await r.xclaim(key, "g", "v", 0, ids[1], ids[2]));
    say("XCLAIM JUSTID", await r.xclaim(key, "g", "v", 0, ids[3], "JUSTID"));
    say("XAUTOCLAIM", await r.xautoclaim(key, "g", "u", 0, "0", "COUNT", 2));
    say("XAUTOCLAIM JUSTID", await r.xautoclaim(key, "g", "u", 0, "0", "JUSTID"));
    say("DELCONSUMER", await r.xgroup("DELCONSUMER", key, "g", "u"));
    say("SETID", await r.xgroup("SETID", key, "g", "$"));
    say("XPENDING empty", await r.xpending(key, "g"));
    say("DESTROY", await r.xgroup("DESTROY", key, "g"));
    await r.quit();
}

async function byNodeRedis(say) {
    const { createClient } = require("redis");
    const r = createClient({ socket: { path }, RESP: Number(proto), unstableResp3: true });
    await r.connect();
    const entries = await r.xRange(key, "-", "+");
    const ids = entries.map((entry) => entry.id);
    say("XRANGE", entries);
    say("XRANGE exclusive", await r.xRange(key, "(" + ids[1], "+", { COUNT: 2 }));
    say("XREVRANGE", await r.xRevRange(key, "+", "-", { COUNT: 2 }));
    say("XLEN", await r.xLen(key));
    say("XREAD", await r.xRead({ key, id: "0" }, { COUNT: 2 }));
    say("XREAD BLOCK", await r.xRead({ key, id: ids[3] }, { BLOCK: 1000 }));
    say("XREAD BLOCK in vain", await r.xRead({ key, id: "$" }, { BLOCK: 10 }));
    say("XGROUP CREATE", await r.xGroupCreate(key, "g", "0", { MKSTREAM: true }));
    say("XGROUP again", await r.xGroupCreate(key, "g", "0").catch((e) => e.message));
    say("CREATECONSUMER", await r.xGroupCreateConsumer(key, "g", "idle"));
    say("XREADGROUP", await r.xReadGroup("g", "w", { key, id: ">" }, { COUNT: 4 }));
    say("XREADGROUP own", await r.xReadGroup("g", "w", { key, id: ids[1] }));
    say("XACK", await r.xAck(key, "g", ids[0]));
    say("XINFO STREAM", await r.xInfoStream(key));
    say("XINFO GROUPS", await r.xInfoGroups(key));
    say("XINFO CONSUMERS", await r.xInfoConsumers(key, "g"));
    say("XPENDING", await r.xPending(key, "g"));
    say("XPENDING range", await r.xPendingRange(key, "g", "-", "+", 10, { consumer: "w" }));
    say("XCLAIM", await r.xClaim(key, "g", "v", 0, [ids[1], ids[2]]));
    say("XCLAIM JUSTID", await r.xClaimJustId(key, "g", "v", 0, ids[3]));
    say("XAUTOCLAIM", await r.xAutoClaim(key, "g", "u", 0, "0", { COUNT: 2 }));
    say("XAUTOCLAIM JUSTID", await r.xAutoClaimJustId(key, "g", "u", 0, "0"));
    say("DELCONSUMER", await r.xGroupDelConsumer(key, "g", "u"));
    say("SETID", await r.xGroupSetId(key, "g", "$"));
    say("XPENDING empty", await r.xPending(key, "g"));
    say("DESTROY", await r.xGroupDestroy(key, "g"));
    await r.close();
}

const replies = [];
(library === "ioredis" ? byIoredis : byNodeRedis)((what, reply) => replies.push([what, reply]))
    .then(() => console.log(JSON.stringify(replies)))
    .catch((error) => {
        console.error(replies.map(([what]) => what).join(", "), "were fine;", error);
        process.exit(1);
    });
