// keyv: a cache of name spaces over sets, scans and deadlines. Says what comes back, a line each.
const { Keyv } = require("keyv");
const KeyvRedis = require("@keyv/redis").default;

const say = (...words) => console.log(JSON.stringify(words));

async function main() {
    const store = () => new KeyvRedis({ socket: { path: process.env.SOCKET } });
    const users = new Keyv(store(), { namespace: "users", useKeyPrefix: false });
    const posts = new Keyv(store(), { namespace: "posts", useKeyPrefix: false });
    await users.set("ann", { age: 30, tags: ["a", "b"] });
    await users.set("bob", "text", 60000);
    await posts.set("ann", 1);
    say("get", await users.get("ann"), await users.get("bob"), await posts.get("ann"));
    say("many", await users.get(["ann", "nobody", "bob"]));
    say("has", await users.has("ann"), await users.has("nobody"));
    await users.set("short", "lived", 1);
    while (await users.has("short"));
    say("ended", (await users.get("short")) ?? null);
    say("delete", await users.delete("bob"), await users.delete("bob"));
    const seen = [];
    for await (const [key, value] of users.iterator("users")) seen.push([key, value]);
    say("iterate", seen.sort());
    await users.clear();
    say("cleared", (await users.get("ann")) ?? null, await posts.get("ann"));
    await users.disconnect();
    await posts.disconnect();
}

main().catch((e) => {
    console.log(e.stack);
    process.exit(1);
});
