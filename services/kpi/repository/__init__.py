"""The statements of kpi: `facts` stores what events tell, `reading` answers from it."""
