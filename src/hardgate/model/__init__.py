"""Values and pure judges: contract, tier, plan, observation, verdict."""
