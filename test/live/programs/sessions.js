// connect-redis: the sessions of web servers. Says what the store answers, a line each.
const session = require("express-session");
const RedisStore = require("connect-redis").default;
const Redis = require("ioredis");

const client = new Redis({ path: process.env.SOCKET });
const store = new RedisStore({ client, prefix: "sess:", ttl: 600 });
const ask = (method, ...args) =>
    new Promise((resolve, reject) =>
        store[method](...args, (err, value) => (err ? reject(err) : resolve(value))));
const say = (...words) => console.log(JSON.stringify(words));

async function main() {
    const made = (name) => ({ cookie: { originalMaxAge: 60000 }, user: name });
    await ask("set", "one", made("ann"));
    await ask("set", "two", made("bob"));
    say("get", await ask("get", "one"));
    say("absent", (await ask("get", "none")) ?? null);
    await ask("touch", "one", made("ann"));
    say("ids", (await ask("ids")).sort());
    say("length", await ask("length"));
    say("all", (await ask("all")).map((s) => [s.id, s.user]).sort());
    say("ttl", (await client.ttl("sess:one")) > 500);
    await ask("destroy", "two");
    say("left", await ask("ids"));
    await ask("clear");
    say("cleared", await ask("length"));
    client.disconnect();
}

main().catch((e) => {
    console.log(String(e));
    process.exit(1);
});
