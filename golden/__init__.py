"""The contract: what an integer network is (``spec``) and what it computes (``model``)."""
