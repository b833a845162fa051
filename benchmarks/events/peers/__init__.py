"""What the product is compared with: each does the same durable work, written the plain way."""
