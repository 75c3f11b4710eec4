// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Founder, Limit, Module, SubcontractState} from "../../contracts/interfaces/ICharter.sol";
import {SubcontractId} from "../../contracts/types/Ids.sol";

/// @notice A charter that answers what a test tells it to, so that one contract is tested at a time.
contract FakeCharter {
    address public token;
    int32 public tz;
    uint64 public floor;
    uint40 public t0;
    bool public isVoid;
    bytes32 public articlesHash = keccak256("articles");
    uint64 public admissionBps = 2000;
    uint16 public subcontractCount;

    Founder[] private _founders;
    mapping(Module => address) private _modules;
    mapping(address => SubcontractId) public subcontractOf;
    mapping(SubcontractId => SubcontractState) public stateOf;
    mapping(SubcontractId => bytes32) public termsHashOf;
    mapping(SubcontractId => uint8) public potsOf;
    mapping(SubcontractId => uint256) public kindsOf;
    mapping(SubcontractId => uint40) public accruesFrom;

    constructor(address token_, int32 tz_, uint64 floor_, Founder[] memory founders_) {
        (token, tz, floor) = (token_, tz_, floor_);
        for (uint256 i; i < founders_.length; ++i) {
            _founders.push(founders_[i]);
        }
    }

    function set(Module item, address place) external {
        _modules[item] = place;
    }

    /// @dev Modules are created by the charter, so that they know it by their creator.
    function install(bytes memory creationCode) external returns (address place) {
        assembly ("memory-safe") {
            place := create(0, add(creationCode, 0x20), mload(creationCode))
        }
        require(place != address(0), "the module was not created");
    }

    function ignite() external {
        t0 = uint40(block.timestamp);
    }

    function fail() external {
        isVoid = true;
    }

    function setAdmissionBps(uint64 bps) external {
        admissionBps = bps;
    }

    function attach(address place, uint8 pots, uint256 kinds) external returns (SubcontractId id) {
        id = SubcontractId.wrap(++subcontractCount);
        subcontractOf[place] = id;
        stateOf[id] = SubcontractState.Active;
        termsHashOf[id] = keccak256(abi.encode("terms", id));
        potsOf[id] = pots;
        kindsOf[id] = kinds;
    }

    function setState(SubcontractId id, SubcontractState state) external {
        stateOf[id] = state;
    }

    function setAccruesFrom(SubcontractId id, uint40 from) external {
        accruesFrom[id] = from;
    }

    function accruesAt(SubcontractId id, uint40 begin) external view returns (bool) {
        return begin >= accruesFrom[id];
    }

    function declares(SubcontractId id, uint8 kind) external view returns (bool) {
        return kindsOf[id] >> kind & 1 != 0;
    }

    function module(Module item) external view returns (address) {
        return _modules[item];
    }

    function founders() external view returns (Founder[] memory) {
        return _founders;
    }

    function limit(Limit item) external view returns (uint64) {
        require(item == Limit.AdmissionBps, "no other limit is asked for here");
        return admissionBps;
    }
}
