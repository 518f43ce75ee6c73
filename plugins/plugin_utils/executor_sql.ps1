# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Part of the executor that is sent with a batch that has a step `sql`; it stands before executor.ps1, whose functions and tables it uses.

# --- SQL Server: one connection, one execute for each query, so that a query that fails costs only itself.

# The texts of the runs: that of the connection, then one for each query.
function Get-QueryRuns($sql, $queries, $deadline) {
    $none = '{"items":[],"errors":['
    $connection = $null
    $rowsOf = @{}
    try {
        $builder = New-Object System.Data.SqlClient.SqlConnectionStringBuilder
        foreach ($name in $sql.Keys) { $builder[$name] = $sql[$name] }
        $connection = New-Object System.Data.SqlClient.SqlConnection $builder.ConnectionString
        $connection.Open()
        $command = $connection.CreateCommand()
        $command.CommandText = "SELECT CONVERT(nvarchar(128), SERVERPROPERTY('ComputerNamePhysicalNetBIOS'));"
        '{"items":[[' + (ConvertTo-ValueText $command.ExecuteScalar()) + ',' + (ConvertTo-ValueText ([Environment]::MachineName)) +
        ']],"errors":[],"warnings":[]}'
    }
    catch {
        if ($connection) { $connection.Dispose() }
        return $none + (ConvertTo-ErrorText $_ $true) + '],"warnings":[]}'
    }
    foreach ($query in $queries) {
        $refused = $null
        $items = New-Object 'System.Collections.Generic.List[string]'
        $reader = $null
        try {
            $database = $query['database']
            if ($database -is [hashtable]) { $database = $rowsOf[$database['$from']] }
            if ($watch.Elapsed.TotalSeconds -ge $deadline) { $refused = 'Deadline' }
            elseif ("$($connection.State)" -cne 'Open') { $refused = 'ConnectionLost' }
            elseif (-not $database) { $refused = 'NoDatabase' }
            else {
                if ($connection.Database -cne $database) { $connection.ChangeDatabase($database) }
                $command = $connection.CreateCommand()
                $command.CommandText = $query['text']
                $command.CommandTimeout = $query['timeout']
                foreach ($value in $query['values']) {
                    $given = [DBNull]::Value
                    if ($value.ContainsKey('value')) { $given = $value['value'] }
                    $null = $command.Parameters.AddWithValue('@p' + $command.Parameters.Count, $given)
                }
                $reader = $command.ExecuteReader()
                $cells = New-Object 'object[]' $reader.FieldCount
                $texts = New-Object 'string[]' $reader.FieldCount
                while ($reader.Read()) {
                    $null = $reader.GetValues($cells)
                    for ($column = 0; $column -lt $cells.Length; $column++) {
                        $value = $cells[$column]
                        $kind = $kinds[$value.GetType()]
                        if ($kind -eq $TEXT) { $texts[$column] = '"' + $value.Replace('\', '\\').Replace('"', '\"') + '"' }
                        elseif ($kind -eq $NUMBER) { $texts[$column] = $value.ToString($invariant) }
                        elseif ($kind -eq $INSTANT) { $texts[$column] = '"' + $value.ToString('o', $invariant) + '"' }
                        elseif ($value -is [guid]) { $texts[$column] = '"' + $value.ToString().ToUpperInvariant() + '"' }
                        else { $texts[$column] = ConvertTo-ValueText $value }
                    }
                    $items.Add('[' + ($texts -join ',') + ']')
                    if ($query['names_database'] -and -not $rowsOf.ContainsKey($query['name']) -and $cells[1] -isnot [DBNull] -and $cells[1]) {
                        $rowsOf[$query['name']] = $cells[0]
                    }
                }
                while ($reader.NextResult()) { }
            }
        }
        catch { $refused = $_ }
        finally { if ($reader) { try { $reader.Dispose() } catch { $null = $_ } } }
        if ($refused -is [string]) { $none + '{"fqid":"' + $refused + '","category":"NotSpecified","terminating":true,"chain":[]}],"warnings":[]}' }
        elseif ($refused) { $none + (ConvertTo-ErrorText $refused $true) + '],"warnings":[]}' }
        else { '{"items":[' + ($items -join ',') + '],"errors":[],"warnings":[]}' }
    }
    $connection.Dispose()
}
