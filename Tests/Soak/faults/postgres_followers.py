"""The same kills of followers on PostgreSQL: those of Roost, and one of an app's own."""

import os

from harness.postgres import Cluster

from .followers import Derived, Stage, endure
from .followers_own import Counted, own_stage
from .result import Result, Unavailable

NAME = "postgres-followers"
PROMISE = "what followers do takes place exactly once on PostgreSQL, where their place is one for " \
          "all processes"
TEST = "{tries} × `kill -9`, of `roost` and of an embedding server by turns of half of them, under " \
       "batches of creates, changes and deletes; derived values, views, counters and the numbers " \
       "of the app's own follower are compared with the rows; as the control, planted losses and " \
       "doublings must be found"
TRIES = (600, 4)


def run(folder, tries):
    result = Result()
    derived, own = os.path.join(folder, "derived"), os.path.join(folder, "own")
    os.makedirs(derived)
    with Cluster() as cluster:
        endure(Stage(os.path.join(derived, "data"), cluster=cluster), Derived,
               tries - tries // 2, result)
    if not result.passed:
        return result
    try:
        os.makedirs(own)
        with Cluster() as cluster:
            endure(own_stage(own, cluster), Counted, tries // 2, result)
    except Unavailable as reason:
        result.counts["without a follower of an app's own"] = str(reason)
    return result
