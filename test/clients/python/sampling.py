"""Samples with X-Ray's SDK for Python by the rules of a server: python3 sampling.py HOST:PORT

It ends when it samples as the rules say, has its share of a reservoir, and was reached by a change.
"""
import sys
import time

from aws_xray_sdk.core import xray_recorder

xray_recorder.configure(service='shop', sampling=True, daemon_address=sys.argv[1], context_missing='LOG_ERROR')


def sampled(service):
    return bool(xray_recorder.sampler.should_trace({'service': service, 'host': 'shop.example', 'method': 'GET', 'path': '/'}))


def until(what, met):
    end = time.time() + 40
    while not met():
        if time.time() > end:
            sys.exit('not within 40 s: ' + what)
        time.sleep(0.02)


def third_in_a_second():
    second, count = int(time.time()), 0
    while int(time.time()) == second:
        count += sampled('lease')
        time.sleep(0.02)
    return count == 3


until('the rules are those of the server', lambda: all(sampled('shop') for _ in range(20)) and not any(sampled('other') for _ in range(20)))
for _ in range(20):
    sampled('shop')  # some of those above may have been sampled before the rules were there
until('three a second are sampled of a reservoir of three', third_in_a_second)
until('a change is known', lambda: not any(sampled('shop') for _ in range(20)))
print('done')
