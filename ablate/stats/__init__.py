"""Arrays in, numbers out: every number of a report is computed here, from plain arrays, and nothing is read or printed.

One module per question: is it real (`paired`, `unpaired`, `multiple`, `verdict`), which factor did it (`factorial`,
`designs`), does it hold over several data sets (`datasets`, `wins`), at what cost (`times`), with what tuning
(`tuning`), and do these rules keep their promises (`simulate`).
"""
