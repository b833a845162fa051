"""The hint to the relay that something waits in the outbox.

It is a statement of its own, after the commit: a NOTIFY inside a transaction takes a lock that all others wait for
until the commit is on the disk. The hint's own commit waits for no disk. Nobody depends on it: the relay looks anyway,
a tenth of a second later at most.
"""

OUTBOX_CHANNEL = "tandem_outbox"
GIVE_HINT = f"SELECT set_config('synchronous_commit', 'off', true), pg_notify('{OUTBOX_CHANNEL}', '')"
