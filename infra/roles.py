"""The seven roles, by the names that everything else knows them by."""

# Lower counts more where a person is in two groups by mistake.
ROLES = {
    "financial_admin": "Everything about money",
    "vendor_manager": "Budgets, credits, discounts, savings decisions; sees all spend",
    "cloud_engineer": "People and roles, accounts, configuration",
    "business_unit_owner": "Sees a business unit",
    "department_owner": "Sees a department",
    "portfolio_owner": "Approves schedules and spend cards of a portfolio",
    "product_owner": "Plans a product and answers for its spend",
}
