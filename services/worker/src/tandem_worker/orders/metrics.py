from prometheus_client import Counter

TRANSITIONS = Counter("tandem_order_transitions", "Orders that entered a state, committed or not.", ["state"])
REFUSED = Counter("tandem_order_requests_refused", "Requests that the order did not allow.", ["request"])
