"""What is published: which schemas, and how a built file takes the published file's place."""
