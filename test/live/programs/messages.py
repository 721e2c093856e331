"""kombu: queues, priorities and exchanges that celery stands on. Says what is delivered, a line
each."""

import os
import socket
import sys

from kombu import Connection, Consumer, Exchange, Queue


def drain(connection, consumer, count):
    with consumer:
        for _ in range(count):
            connection.drain_events(timeout=10)


def main():
    url = "redis+socket://" + os.environ["SOCKET"]
    with Connection(url, transport_options={"fanout_prefix": True}) as connection:
        direct = Exchange("direct", "direct")
        topic = Exchange("topic", "topic")
        queues = {name: Queue(name, direct, routing_key=name) for name in ("a", "b")}
        logs = Queue("logs", topic, routing_key="log.#")
        errors = Queue("errors", topic, routing_key="*.error")
        channel = connection.channel()
        for queue in (*queues.values(), logs, errors):
            queue(channel).declare()
        producer = connection.Producer()
        for n in range(6):
            producer.publish({"n": n}, exchange=direct, routing_key="ab"[n % 2],
                             priority=9 if n == 4 else 0)
        producer.publish("broken", exchange=topic, routing_key="log.error")
        producer.publish("fine", exchange=topic, routing_key="log.info.more")
        print("sizes", [q(channel).queue_declare(passive=True).message_count
                        for q in (queues["a"], queues["b"], logs, errors)])
        seen = []

        def take(body, message):
            seen.append([message.delivery_info["routing_key"], body])
            message.ack()

        drain(connection, Consumer(channel, queues["a"], callbacks=[take]), 3)
        print("a", sorted(seen, key=str))
        seen.clear()

        def put_back(body, message):
            seen.append(body)
            message.requeue() if len(seen) == 1 else message.ack()

        drain(connection, Consumer(channel, queues["b"], callbacks=[put_back]), 4)
        print("b", sorted(seen, key=str))
        seen.clear()
        drain(connection, Consumer(channel, [logs, errors], callbacks=[take]), 3)
        print("topics", sorted(seen))
        try:
            drain(connection, Consumer(channel, queues["a"], callbacks=[take]), 0)
            connection.drain_events(timeout=0.2)
        except socket.timeout:
            print("nothing more")
        print("purged", producer.publish(1, exchange=direct, routing_key="a") is not None,
              queues["a"](channel).purge())
        for queue in (*queues.values(), logs, errors):
            queue(channel).delete()


if __name__ == "__main__":
    sys.exit(main())
