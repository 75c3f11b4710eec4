// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

/// @notice The native cheats this suite uses; nothing is fetched for it.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    /// @dev Where a test is isolated each call is a transaction, and its gas that of the whole transaction.
    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    function lastCallGas() external view returns (Gas memory);
    function warp(uint256 timestamp) external;
    function roll(uint256 number) external;
    function chainId(uint256 id) external;
    function getBlockTimestamp() external view returns (uint256);
    function deal(address who, uint256 wei_) external;
    function etch(address who, bytes calldata code) external;
    function load(address who, bytes32 slot) external view returns (bytes32);
    function store(address who, bytes32 slot, bytes32 value) external;
    function prank(address sender) external;
    function prank(address sender, address origin) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function label(address who, string calldata name) external;
    function assume(bool condition) external pure;
    function skip(bool given, string calldata reason) external;

    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function signCompact(uint256 key, bytes32 digest) external pure returns (bytes32 r, bytes32 vs);
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);
    function getNonce(address who) external view returns (uint64);

    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata reason) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectEmit() external;
    function expectEmit(address emitter) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool body) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool body, address emitter) external;
    function expectCall(address callee, bytes calldata body) external;
    function mockCall(address callee, bytes calldata body, bytes calldata answer) external;
    function mockCallRevert(address callee, bytes calldata body, bytes calldata reason) external;
    function clearMockedCalls() external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function snapshotState() external returns (uint256);
    function revertToState(uint256 id) external returns (bool);
    function cool(address who) external;

    function assertEq(uint256 given, uint256 wanted, string calldata law) external pure;
    function assertEq(int256 given, int256 wanted, string calldata law) external pure;
    function assertEq(address given, address wanted, string calldata law) external pure;
    function assertEq(bytes32 given, bytes32 wanted, string calldata law) external pure;
    function assertEq(bool given, bool wanted, string calldata law) external pure;
    function assertEq(string calldata given, string calldata wanted, string calldata law) external pure;
    function assertEq(bytes calldata given, bytes calldata wanted, string calldata law) external pure;
    function assertEq(uint256[] calldata given, uint256[] calldata wanted, string calldata law) external pure;
    function assertNotEq(uint256 given, uint256 other, string calldata law) external pure;
    function assertNotEq(bytes32 given, bytes32 other, string calldata law) external pure;
    function assertNotEq(address given, address other, string calldata law) external pure;
    function assertTrue(bool given, string calldata law) external pure;
    function assertFalse(bool given, string calldata law) external pure;
    function assertLe(uint256 given, uint256 most, string calldata law) external pure;
    function assertLt(uint256 given, uint256 bound, string calldata law) external pure;
    function assertGe(uint256 given, uint256 least, string calldata law) external pure;
    function assertGt(uint256 given, uint256 bound, string calldata law) external pure;

    function startSnapshotGas(string calldata group, string calldata name) external;
    function stopSnapshotGas() external returns (uint256);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256);
    function snapshotValue(string calldata group, string calldata name, uint256 value) external;

    function projectRoot() external view returns (string memory);
    function exists(string calldata path) external view returns (bool);
    function readFile(string calldata path) external view returns (string memory);
    function writeFile(string calldata path, string calldata text) external;
    function envOr(string calldata name, string calldata otherwise) external view returns (string memory);
    function getCode(string calldata artifact) external view returns (bytes memory);
    function parseJson(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonKeys(string calldata json, string calldata key) external pure returns (string[] memory);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonUintArray(string calldata json, string calldata key)
        external
        pure
        returns (uint256[] memory);
    function parseJsonInt(string calldata json, string calldata key) external pure returns (int256);
    function parseJsonBool(string calldata json, string calldata key) external pure returns (bool);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function parseJsonStringArray(string calldata json, string calldata key)
        external
        pure
        returns (string[] memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseUint(string calldata text) external pure returns (uint256);
    function toString(uint256 value) external pure returns (string memory);
    function toString(address value) external pure returns (string memory);
    function toString(bytes32 value) external pure returns (string memory);
    function toString(bytes calldata value) external pure returns (string memory);
}

/// @title The base of every test
/// @notice Cheats, keys by name, and bounded fuzz input. Assertions are the native ones: `vm.assertEq(given, wanted,
/// "the law it guards")`.
/// @dev An invariant test names its handlers by overriding `targetContracts`, their acts by `targetSelectors`.
abstract contract Base {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev Forge asks this of a contract to know it for a test.
    bool public constant IS_TEST = true;

    /// @notice The private key of a person known by name.
    function keyOf(string memory name) internal pure returns (uint256) {
        return uint256(keccak256(bytes(name))) >> 1 | 1;
    }

    /// @notice The address of a person known by name, labelled in traces.
    function personOf(string memory name) internal returns (address who) {
        who = vm.addr(keyOf(name));
        vm.label(who, name);
    }

    /// @notice One signature of 65 bytes (r, s, v).
    function signed(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @notice The EIP-712 digest of a struct hash for one of the charter's parts.
    function typedDigest(address place, bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Hearth"),
                keccak256("1"),
                block.chainid,
                place
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    /// @notice Folds any fuzz input into `[least, most]`, both reachable.
    function bound(uint256 given, uint256 least, uint256 most) internal pure returns (uint256) {
        require(least <= most, "bound: the least is above the most");
        if (given >= least && given <= most) return given;
        uint256 span = most - least;
        return span == type(uint256).max ? given : least + given % (span + 1);
    }

    /// @notice Creates a contract: its place, or nobody's and what it refused with.
    /// @dev For refusals of a constructor: `expectRevert` does not notice a creation that goes well.
    function created(bytes memory code) internal returns (address place, bytes memory refusal) {
        uint256 size;
        assembly ("memory-safe") {
            place := create(0, add(code, 0x20), mload(code))
            size := returndatasize()
        }
        refusal = new bytes(size);
        assembly ("memory-safe") {
            returndatacopy(add(refusal, 0x20), 0, size)
        }
    }

    /// @notice Lets chain time pass.
    function passTime(uint256 secs) internal {
        vm.warp(vm.getBlockTimestamp() + secs);
    }
}
