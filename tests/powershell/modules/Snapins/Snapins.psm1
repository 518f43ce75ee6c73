# Stands in for the snap-in cmdlets of Windows PowerShell, which PowerShell 7 lacks. One snap-in loads, one does not.

function Get-PSSnapin([string]$Name, [switch]$Registered) {
    if ($Registered -and $Name -in 'Old.Shell', 'Old.Broken') { [pscustomobject]@{ Name = $Name } }
    else { Write-Error -ErrorId 'GetPSSnapInRead' -Message 'No such snap-in.' }
}

function Add-PSSnapin([string]$Name) {
    if ($Name -eq 'Old.Broken') { throw (New-Object System.Runtime.InteropServices.COMException 'no class', 0x80040154) }
    New-Module -Name $Name -ScriptBlock { function Get-Farm { [pscustomobject]@{ Name = 'SharePoint_Config' } } } | Import-Module -Global
}

Export-ModuleMember -Function Get-PSSnapin, Add-PSSnapin
