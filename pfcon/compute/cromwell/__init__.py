"""Jobs through a Cromwell server, which runs each as a workflow of one task on the backend that its site gives it."""
