"""The paper's table: its deep baselines and SSDiff, trained alike and scored alike."""
