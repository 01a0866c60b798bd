"""The outside world behind the ports: the only modules that know boto3, subprocesses and files."""
