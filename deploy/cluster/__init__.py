"""The whole system as separate processes on this machine: `python -m deploy.cluster`, or `Cluster` in a program.

`member` is one process, `broker` and `postgres` are the two servers below, `layout` says what a pod is started with,
and `cluster` holds them all together.
"""

from deploy.cluster.cluster import Cluster
from deploy.cluster.member import ClusterError, Member, MemberEnded

__all__ = ["Cluster", "ClusterError", "Member", "MemberEnded"]
