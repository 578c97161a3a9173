"""Sends a segment and what is below it with X-Ray's SDK for Python, and prints the id of the
trace: python3 xray.py HOST:PORT"""

import sys

from aws_xray_sdk.core import xray_recorder
from aws_xray_sdk.core.models import http

xray_recorder.configure(service="front", daemon_address=sys.argv[1], sampling=False, context_missing="RUNTIME_ERROR")
segment = xray_recorder.begin_segment("front")
segment.set_user("ann")
segment.put_annotation("tier", "gold")
segment.put_metadata("ratio", 0.5, "debug")
segment.put_http_meta(http.METHOD, "GET")
segment.put_http_meta(http.URL, "http://front.example/items")
segment.put_http_meta(http.STATUS, 502)
# More than the SDK keeps until the segment ends.
for n in range(40):
    with xray_recorder.in_subsegment("part %d" % n) as part:
        part.put_annotation("n", n)
try:
    with xray_recorder.in_subsegment("work"):
        raise ValueError("no stock")
except ValueError:
    pass
query = xray_recorder.begin_subsegment("stock@db.example", namespace="remote")
query.set_sql({"url": "postgres://db.example/stock", "sanitized_query": "SELECT ?", "database_type": "PostgreSQL"})
xray_recorder.end_subsegment()
xray_recorder.end_segment()
print(segment.trace_id)
