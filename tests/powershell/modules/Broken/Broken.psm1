throw ([System.Runtime.InteropServices.COMException]::new('class not registered', -2147221164))
