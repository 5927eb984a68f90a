"""One file per page: it asks the services and fills a template."""
