"""The process harness of the crash, behaviour and e2e suites: real servers, a strict fake gateway, an outside world."""
