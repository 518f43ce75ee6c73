# Cmdlets that misbehave in every way that real ones do. Loaded by the executor's tests only.

enum Light { Off = 0; Green = 2; Unknown = -1 }
enum Size { Small = 1; Huge = [int]::MaxValue }
[Flags()] enum Parts { None = 0; Head = 1; Tail = 2 }

class KitException : System.Exception {
    KitException([string]$message, [System.Exception]$inner) : base($message, $inner) {}
}

class Counter {
    [int]$Number
    [string]$Label
    [Light]$Light
    Counter([int]$number) { $this.Number = $number; $this.Label = "label $number"; $this.Light = [Light]::Green }
}

function New-KitError([int]$native, [string]$id, [string]$category) {
    $inner = [System.ComponentModel.Win32Exception]::new($native)
    $outer = [KitException]::new("outer text", $inner)
    [System.Management.Automation.ErrorRecord]::new($outer, $id, $category, $null)
}

function Add-Getter($object, [string]$name, [scriptblock]$getter, [scriptblock]$setter) {
    if ($setter) { $property = [psscriptproperty]::new($name, $getter, $setter) } else { $property = [psscriptproperty]::new($name, $getter) }
    $object.PSObject.Properties.Add($property)
}

function Get-Value {
    [CmdletBinding()] param()
    $marked = [psobject]'text'
    $marked.PSObject.Properties.Add(([psnoteproperty]::new('PSPath', 'p')))
    $object = [pscustomobject]@{
        Text = "a`"b\c`r`nd]e`$(1)"; Wide = [string][char]0x05d0 + [char]0xd83d + [char]0xde00 + [char]0x2028; Empty = ''; Nothing = $null
        DbNull = [System.DBNull]::Value; Yes = $true; No = $false; Switch = [switch]$true
        Int = 42; Negative = -1; Long = 4294967295; ULong = [uint64]18446744073709551615; Byte = [byte]7; UInt = [uint32]4294967295
        Decimal = [decimal]1.5; Double = 1.5; Single = [single]0.25; Big = [bigint]::Parse('123456789012345678901234567890'); Nan = [double]::NaN
        Utc = New-Object datetime 2026, 7, 1, 12, 0, 0, ([DateTimeKind]::Utc)
        Local = New-Object datetime 2026, 7, 1, 12, 0, 0, ([DateTimeKind]::Local)
        Unspecified = New-Object datetime 2026, 7, 1, 12, 0, 0, ([DateTimeKind]::Unspecified)
        Offset = New-Object System.DateTimeOffset 2026, 7, 1, 12, 0, 0, ([timespan]::FromHours(5))
        Never = [datetime]::MinValue
        Span = New-Object timespan 1, 2, 3, 4, 500; Second = [timespan]::FromSeconds(300)
        Light = [Light]::Green; Odd = [Light]::Unknown; Unnamed = [Light]77; Flags = [Parts]3; Huge = [Size]::Huge
        Bytes = [byte[]](0, 255, 16); NoBytes = [byte[]]@()
        Guid = [guid]'0F0E0D0C-0B0A-0908-0706-050403020100'; Version = [version]'10.0.17763.1'; Char = [char]'x'; Uri = [uri]'http://x.test/a b'
        None = @(); One = @('a'); Many = @('a', 2, $null, @(1, 2)); Map = @{ a = 1 }; Object = [pscustomobject]@{ Inner = 1 }
        Marked = $marked
    }
    Add-Getter $object 'Lost' { throw ([System.ComponentModel.Win32Exception]::new(1722)) }
    Add-Getter $object 'Denied' { throw ([System.UnauthorizedAccessException]::new('no')) }
    $object.PSObject.TypeNames.Insert(0, 'Kit.Value')
    $object
}

function Get-Tree {
    [CmdletBinding()] param()
    $leaf = [pscustomobject]@{ Name = 'leaf' }
    $bad = [pscustomobject]@{ Name = 'bad' }
    Add-Getter $bad 'Parent' { throw ([System.ComponentModel.Win32Exception]::new(5)) }
    $good = [pscustomobject]@{ Name = 'good'; Parent = $leaf }
    $orphan = [pscustomobject]@{ Name = 'orphan'; Parent = $null }
    [pscustomobject]@{ Child = $good; Empty = $null; Children = @($good, $bad, $orphan, $leaf); Lists = @(@($good), @()) }
}

function Get-Counter { [CmdletBinding()] param([int]$Count = 3) for ($i = 1; $i -le $Count; $i++) { [Counter]::new($i) } }

function Get-Collection { [CmdletBinding()] param() Write-Output -NoEnumerate ([System.Collections.ArrayList]@([Counter]::new(1), [Counter]::new(2))) }

function Get-Nested {
    [CmdletBinding()] param()
    $outer = [System.Collections.ArrayList]::new()
    $null = $outer.Add([System.Collections.ArrayList]@(1, 2))
    Write-Output -NoEnumerate $outer
}

function Get-Table { [CmdletBinding()] param() @{ a = 1; b = 2 } }

function Get-Word { [CmdletBinding()] param([string[]]$Word) foreach ($one in $Word) { $one } }

function Get-Nothing { [CmdletBinding()] param() }

function Get-Number {
    [CmdletBinding()]
    param([Parameter(ValueFromPipeline)][object]$InputObject, [object]$Factor = 1)
    process { if ($InputObject.Number -eq 2) { $PSCmdlet.WriteError((New-KitError 5016 'Kit2' 'NotSpecified')) } else { $InputObject.Number * $Factor } }
}

function Get-Partial {
    [CmdletBinding()] param()
    [Counter]::new(1)
    $PSCmdlet.WriteError((New-KitError 1753 'KitLost' 'ConnectionError'))
    [Counter]::new(2)
    Write-Warning 'careful: "quoted"'
}

function Get-Failure { [CmdletBinding()] param() $PSCmdlet.WriteError((New-KitError 5 'KitDenied' 'PermissionDenied')) }

function Get-Terminated {
    [CmdletBinding()] param()
    [Counter]::new(1)
    $PSCmdlet.ThrowTerminatingError((New-KitError 1460 'KitStopped' 'OperationTimeout'))
}

function Get-Thrown { [CmdletBinding()] param() throw [KitException]::new('thrown text', ([System.Security.SecurityException]::new('registry'))) }

function Get-Stopped { [CmdletBinding()] param() Write-Error -Exception ([KitException]::new('stopped text', $null)) -ErrorId 'KitInner' -ErrorAction Stop }

function Get-Handled {
    # Fails inside and mends it, as function modules do: nobody outside needs to know.
    [CmdletBinding()] param()
    try { Get-Failure -ErrorAction Stop } catch { 'mended' }
    Get-Failure -ErrorAction SilentlyContinue
    Get-Failure 2>$null
    'done'
}

function Get-Method { [CmdletBinding()] param() $null = [int]::Parse('not a number') }

function Test-Parameter {
    # What arrives: one row for each parameter that is bound, with its .NET type.
    [CmdletBinding(DefaultParameterSetName = 'none')]
    param([string]$Text, [int]$Int, [uint32]$UInt, [switch]$Switch, [string[]]$Texts, [object]$Any, [hashtable]$Map, [Light]$Light, [timespan]$Span,
        [ValidateSet('a', 'b')][string]$Choice, [Parameter(ParameterSetName = 'x')][int]$X, [Parameter(ParameterSetName = 'y')][int]$Y)
    foreach ($name in 'Text', 'Int', 'UInt', 'Switch', 'Texts', 'Any', 'Map', 'Light', 'Span', 'Choice', 'X', 'Y') {
        if (-not $PSBoundParameters.ContainsKey($name)) { continue }
        $value = $PSBoundParameters[$name]
        [pscustomobject]@{ Name = $name; Type = $value.GetType().FullName; Value = $value }
    }
}

function Test-Secret {
    # What typed values are when they arrive.
    [CmdletBinding()]
    param([timespan]$Span, [datetime[]]$At, [securestring]$Secret, [pscredential]$Credential)
    [pscustomobject]@{
        Ticks = $Span.Ticks
        At = @(foreach ($one in $At) { $one.ToString('s', [cultureinfo]::InvariantCulture) + ' ' + $one.Kind })
        Secret = (New-Object System.Net.NetworkCredential '', $Secret).Password
        ReadOnly = $Secret.IsReadOnly()
        User = $Credential.UserName
        Password = $Credential.GetNetworkCredential().Password
    }
}

function Get-Disk {
    [CmdletBinding()] param()
    foreach ($number in 1..3) { [pscustomobject]@{ Id = [guid]"0000000$number-AAAA-0000-0000-00000000000a"; Number = [uint32]$number; Half = $number / 2
            Light = [Light]::Green; On = $number -eq 2; Volumes = @("v$number", "V$($number + 1)"); Nothing = $null } }
}

function Get-Settable {
    [CmdletBinding()] param()
    $object = [pscustomobject]@{ Plain = 'old'; Light = [Light]::Off }
    Add-Getter $object 'Guarded' { 'kept' } { param($value) throw ([System.ComponentModel.Win32Exception]::new(1825)) }
    $object
    [Counter]::new(1)
}

function Get-Stream { [CmdletBinding()] param() [System.IO.MemoryStream]::new() }

function Write-Noise {
    [CmdletBinding()] param()
    Write-Host 'noise {"bft":"" host'
    Write-Verbose 'verbose noise' -Verbose
    Write-Debug 'debug noise' -Debug
    Write-Warning 'warning noise'
    Write-Progress -Activity 'progress noise' -Status 'x'
    [Console]::Write('console noise without an end ')
    'answer'
}

function Start-Nap { [CmdletBinding()] param([int]$Milliseconds) [System.Threading.Thread]::Sleep($Milliseconds) }

function Get-Ghost { [CmdletBinding()] param() $null; 'after nothing' }

Export-ModuleMember -Function *-*
