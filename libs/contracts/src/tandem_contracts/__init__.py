"""What Tandem's services tell each other: event types, their payloads, their topics and the envelope they travel in."""
