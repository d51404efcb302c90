"""The JSON form of the control messages, one file a topic: bodies to requests, responses to bodies."""
