"""rq: jobs in queues, with registries of what was started, finished and failed. Says what comes of
them, a line each."""

import os
import sys
from datetime import datetime, timedelta

import redis
from rq import Queue, SimpleWorker
from rq.registry import FailedJobRegistry, FinishedJobRegistry, ScheduledJobRegistry

connection = redis.Redis(unix_socket_path=os.environ["SOCKET"])


def work(queue):
    SimpleWorker([queue], connection=connection).work(burst=True, logging_level="ERROR")


def main():
    queue = Queue("work", connection=connection)
    later = Queue("later", connection=connection)
    good = [queue.enqueue("operator.mul", n, 7, job_id=f"mul-{n}") for n in range(20)]
    bad = queue.enqueue("operator.truediv", 1, 0, job_id="bad")
    first = queue.enqueue("operator.add", 1, 1, job_id="first", at_front=True)
    after = queue.enqueue("operator.neg", 5, job_id="after", depends_on=good[3])
    never = queue.enqueue("operator.neg", 6, job_id="never", depends_on=bad)
    later.enqueue_at(datetime(2100, 1, 1), "operator.neg", 1, job_id="scheduled")
    later.enqueue_in(timedelta(days=9999), "operator.neg", 2, job_id="scheduled-too")
    print("queued", queue.count, queue.job_ids)
    work(queue)
    for job in good + [bad, first, after, never]:
        job.refresh()
        print(job.id, job.get_status(refresh=True), job.result)
    print("finished", sorted(FinishedJobRegistry(queue=queue).get_job_ids()))
    print("failed", FailedJobRegistry(queue=queue).get_job_ids())
    print("scheduled", ScheduledJobRegistry(queue=later).get_job_ids())
    FailedJobRegistry(queue=queue).requeue("bad")
    print("again", queue.job_ids)
    work(queue)
    print("failed again", bad.get_status(refresh=True))
    good[0].delete()
    print("deleted", connection.exists("rq:job:mul-0"))
    print("queues", sorted(q.name for q in Queue.all(connection=connection)))


if __name__ == "__main__":
    sys.exit(main())
